//! Tests of the service through its gRPC API, with a real PostgreSQL and one or two replicas.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]
#![expect(unreachable_pub, reason = "the support module is public to the other test modules")]

mod callers;
mod days;
mod deadline;
mod idempotency;
mod listing;
mod mails;
mod owners;
mod queue;
mod quotas;
mod reads;
mod rolling_update;
mod search;
mod support;
mod verification;
mod writes;
