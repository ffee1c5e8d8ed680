//! Tests of the service with a real PostgreSQL and an SMTP server that fails as the test says.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod content;
mod crash;
mod faults;
mod invitations;
mod lifecycle;
mod members;
mod requested;
mod sending;
mod smtp_server;
mod support;
