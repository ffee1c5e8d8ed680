//! The whole system through its gateway, a module per resource; what the tests share is in `support`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets something else has failed")]

mod auth;
mod authorization;
mod correlation;
mod cors;
mod docs;
mod errors;
mod events;
mod faults;
mod health;
mod metrics;
mod rate_limit;
mod startup;
mod support;
mod traces;
