//! The way from the gateway to a service: its replicas are found, connected to and watched, and calls are
//! sent to the best of them, within a deadline and again under a budget.
//!
//! [`ServiceChannel`] is the stack beneath the generated clients. It works on HTTP requests whose body is already in
//! memory: those are `Clone`, so that an attempt can be repeated, which a tonic request is not.

mod attempt;
mod budget;
mod channel;
mod connection;
mod context;
mod deadline;
mod discovery;
mod error;
mod keeper;
mod message;
mod policy;
mod replicas;
mod retry;
mod rotation;
mod target;

pub use self::{
    channel::ServiceChannel,
    context::CallContext,
    error::chain_text,
    policy::{CallPolicy, RetryOn},
    replicas::Replicas,
    retry::RetryConfig,
    target::Target,
};

#[cfg(test)]
mod tests;
