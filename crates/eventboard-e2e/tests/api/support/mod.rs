//! Starts the system and provides tools to inspect it and to inject faults.

mod collector;
pub(crate) mod http2;
pub(crate) mod metrics;
pub(crate) mod process;
mod proxy;
pub(crate) mod raw;
pub(crate) mod shapes;
mod stack;
pub(crate) mod token;

pub(crate) use eventboard_e2e::{
    Actor, Anonymous, Process, Response, database, event_body, send, url, wait_for_some, wait_until,
};

pub(crate) use self::{
    collector::{Collector, ReceivedSpan},
    proxy::Proxy,
    stack::Stack,
};
