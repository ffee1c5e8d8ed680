//! What the whole-stack tests share: services as processes, actors that use them through the gateway, load with a memory, means to
//! look into the database and to get in its way, and the files that deploy and watch the system.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets something else has failed")]

mod actor;
mod anonymous;
mod answer;
pub mod cluster;
pub mod database;
pub mod files;
pub mod load;
mod log;
pub mod monitoring;
pub mod process;
pub mod report;
mod waiting;

pub use self::{
    actor::{Actor, draft},
    anonymous::{Anonymous, url},
    answer::{Answer, send},
    log::Log,
    process::Process,
    waiting::{until, until_some},
};
