//! The paths of the service binaries, which cargo provides only to test targets.

pub(crate) use eventboard_e2e::process::{Exit, Process, Variables, run_to_exit};

pub(crate) const GATEWAY: &str = env!("CARGO_BIN_EXE_e2e-api-gateway");
pub(crate) const AUTH: &str = env!("CARGO_BIN_EXE_e2e-auth-service");
pub(crate) const EVENTS: &str = env!("CARGO_BIN_EXE_e2e-events-service");
pub(crate) const NOTIFICATION: &str = env!("CARGO_BIN_EXE_e2e-notification-service");
