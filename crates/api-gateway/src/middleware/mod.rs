//! What every request passes through on its way to a handler, one file a layer. The order and the
//! reason for it stand in `app`.

pub(crate) mod access_log;
pub(crate) mod admission;
pub(crate) mod client_ip;
pub(crate) mod correlation;
pub(crate) mod cors;
pub(crate) mod deadline;
pub(crate) mod problem;
pub(crate) mod rate_limit;
pub(crate) mod route;
pub(crate) mod unread_body;
