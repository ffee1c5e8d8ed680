//! The gateway's client for a service. It discovers, connects and monitors the replicas of the service, sends each
//! call to the best replica, enforces deadlines, and retries within a budget.
//!
//! [`ServiceChannel`] is the tower stack below the generated clients. It works on HTTP requests whose bodies are in
//! memory, because such requests are `Clone`, so that tower's retry layer can copy and retry them. A tonic request is
//! not `Clone`.

mod attempt;
mod budget;
mod buffer;
mod channel;
mod clients;
mod connection;
mod context;
mod deadline;
mod discovery;
mod error;
mod header_list;
mod http_error;
mod policy;
mod replica_monitor;
mod replicas;
mod retry;
mod rotation;
mod target;
mod timings;

pub use self::{
    channel::ServiceChannel,
    clients::{Backend, Clients},
    context::CallContext,
    error::chain_text,
    policy::{CallPolicy, RetryOn},
    replicas::Replicas,
    retry::RetryConfig,
    target::Target,
    timings::CallTimings,
};

#[cfg(test)]
mod tests;
