//! The files that deploy the system, held against the code that they deploy. Nothing is started but what answers a probe.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kubernetes;
mod observability;

pub(crate) use eventboard_e2e::files;
