//! Tests of the service through its gRPC server, with a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod account_model;
mod addresses;
mod audit;
mod browser_sessions;
mod emails;
mod hashing;
mod invitations;
mod leaving;
mod log;
mod login;
mod members;
mod notifications;
mod organization;
mod organization_races;
mod password_reset;
mod passwords;
mod process;
mod races;
mod sessions;
mod signup;
mod support;
mod throttle;
mod token;
