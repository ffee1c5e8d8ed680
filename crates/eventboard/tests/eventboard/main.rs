//! Tests of the real binary with a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod commands;
mod configuration;
mod environment;
mod healthcheck;
mod members;
mod organizations;
mod roles;
mod seed;
mod streams;
mod support;
mod up;
