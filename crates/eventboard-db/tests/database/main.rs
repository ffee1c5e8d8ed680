//! Tests with a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod current_caller;
mod migrations;
mod pool;
mod roles;
