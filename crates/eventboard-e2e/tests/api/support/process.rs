//! The binaries of the services, which cargo builds for test targets only.

pub(crate) use eventboard_e2e::process::{End, Process, Variables, run_to_the_end};

pub(crate) const GATEWAY: &str = env!("CARGO_BIN_EXE_e2e-api-gateway");
pub(crate) const AUTH: &str = env!("CARGO_BIN_EXE_e2e-auth-service");
pub(crate) const EVENTS: &str = env!("CARGO_BIN_EXE_e2e-events-service");
