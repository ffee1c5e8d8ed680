//! The layers that every request passes through, one per file. The module `app` explains their order.

pub(crate) mod access_log;
pub(crate) mod admission;
pub(crate) mod client_ip;
pub(crate) mod compression;
pub(crate) mod conditional;
pub(crate) mod correlation;
pub(crate) mod cors;
pub(crate) mod deadline;
pub(crate) mod head_limit;
pub(crate) mod host;
pub(crate) mod problem;
pub(crate) mod rate_limit;
pub(crate) mod refusal_pace;
pub(crate) mod requester;
pub(crate) mod route;
pub(crate) mod server_timing;
pub(crate) mod unread_body;
pub(crate) mod unread_responses;
