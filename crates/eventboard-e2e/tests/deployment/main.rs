//! Compares the deployment files and `.env.example` with the code that they deploy, and checks the links in the
//! documentation. Only servers that respond to probes are started.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compose;
mod kubernetes;
mod links;
mod observability;
mod proxy;
mod settings;

pub(crate) use eventboard_e2e::files;
