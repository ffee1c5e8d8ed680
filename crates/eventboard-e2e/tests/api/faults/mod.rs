//! What breaks around the system, and that it is harmless.

mod client;
mod database;
mod network;
mod services;
mod shutdown;
mod tokens;
