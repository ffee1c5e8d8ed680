//! The files that deploy the system, compared with the code that they deploy, and the links of the documentation. Only the
//! servers that respond to probes are started.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kubernetes;
mod links;
mod observability;

pub(crate) use eventboard_e2e::files;
