//! Fault injection: tests that the system stays consistent and recovers.

mod client;
mod database;
mod large_headers;
mod network;
mod services;
mod shutdown;
mod tokens;
