//! Shared code of the end-to-end tests: services as processes, actors that call them through the gateway, verified
//! load, database inspection and locks, and readers for the deployment and monitoring files.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "an unexpected value fails the test")]

mod actor;
mod anonymous;
pub mod cluster;
pub mod database;
pub mod files;
pub mod load;
mod log;
pub mod markdown;
pub mod monitoring;
pub mod process;
pub mod report;
mod response;
pub mod runbook;
pub mod settings;
pub mod shell;
mod waiting;

pub use self::{
    actor::{Actor, event_body},
    anonymous::{Anonymous, url},
    log::Log,
    process::Process,
    response::{Response, send},
    waiting::{wait_for_some, wait_until},
};
