//! Tests of the whole system through its gateway, one module per resource. Shared code is in `support`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "an unexpected value fails the test")]

mod audit;
mod auth;
mod authorization;
mod board;
mod compression;
mod connections;
mod correlation;
mod cors;
mod docs;
mod errors;
mod events;
mod faults;
mod former_member;
mod health;
mod host;
mod metrics;
mod organization;
mod quotas;
mod rate_limit;
mod startup;
mod support;
mod traces;
