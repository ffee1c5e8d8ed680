//! The service through its real gRPC server, on a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod edge;
mod hashing;
mod log;
mod login;
mod signup;
mod support;
mod token;
