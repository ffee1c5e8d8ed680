//! The files that deploy the system, held against the code that they deploy. Nothing is started but what answers a probe.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod kubernetes;
