//! Tests of the service with a real PostgreSQL and an SMTP server that fails as the test says.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod content;
mod crash;
mod faults;
mod lifecycle;
mod requested;
mod smtp_server;
mod support;
