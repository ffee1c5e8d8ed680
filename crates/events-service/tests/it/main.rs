//! The service as its clients see it: real gRPC, a real PostgreSQL, one or two replicas.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]
#![expect(unreachable_pub, reason = "the support is public to the tests beside it")]

mod deadline;
mod idempotency;
mod listing;
mod reads;
mod rolling_update;
mod support;
mod writes;
