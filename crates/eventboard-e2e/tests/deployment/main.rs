//! Compares the deployment files with the code that they deploy, and checks the links in the documentation. Only
//! servers that respond to probes are started.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kubernetes;
mod links;
mod observability;
mod proxy;

pub(crate) use eventboard_e2e::files;
