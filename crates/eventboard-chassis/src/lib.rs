//! The foundation that all services share, one module per concern (the "microservice chassis" pattern).
#![warn(clippy::print_stdout, clippy::print_stderr)] // see `stderr`

pub mod account_key;
pub mod browser_secret;
pub mod client_address;
pub mod config;
pub mod correlation;
pub mod dotenv;
pub mod error;
pub mod fairness;
pub mod grpc;
pub mod health;
pub mod layer;
pub mod link_token;
pub mod metrics;
pub mod metrics_endpoint;
pub mod outcome_guard;
pub mod process;
pub mod public_url;
pub mod quotas;
pub mod refresh_token;
pub mod server;
pub mod shutdown;
mod signature;
pub mod stderr;
pub mod telemetry;
pub mod token;
pub mod traces;
pub mod unsubscribe_token;
pub mod verified_email;
