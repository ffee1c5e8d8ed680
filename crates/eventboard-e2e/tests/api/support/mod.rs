//! The stack of processes, and more means to look inside and to break it.

mod collector;
pub(crate) mod metrics;
pub(crate) mod process;
mod proxy;
pub(crate) mod raw;
pub(crate) mod shapes;
mod stack;
pub(crate) mod token;

pub(crate) use eventboard_e2e::{
    Actor, Anonymous, Answer, Process, database, draft, send, until, until_some, url,
};

pub(crate) use self::{
    collector::{Collector, SeenSpan},
    proxy::Proxy,
    stack::Stack,
};
