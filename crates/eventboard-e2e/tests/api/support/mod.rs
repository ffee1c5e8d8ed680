//! Processes, the stack of them, actors that use it, and means to look inside and to break it.

mod actor;
mod anonymous;
mod answer;
pub(crate) mod database;
pub(crate) mod process;
mod proxy;
pub(crate) mod raw;
pub(crate) mod shapes;
mod stack;
pub(crate) mod token;
mod waiting;

pub(crate) use self::{
    actor::{Actor, draft},
    anonymous::Anonymous,
    answer::{Answer, send},
    process::Process,
    proxy::Proxy,
    stack::{Stack, url},
    waiting::until,
};
