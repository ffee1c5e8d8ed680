//! Performs every write with an idempotency key exactly once, across repeated requests, replicas and crashes.
//!
//! PostgreSQL is the source of truth. A key must be committed in the same transaction as the effect of the write, so
//! the service's store must call [`claim_key`] and [`store_response`] inside its own transaction. [`Idempotency`]
//! answers repeated requests from a cache in memory. If identical calls arrive on one replica at the same time, they
//! wait for the first one; the waiting calls hold no database connection.

mod fingerprint;
mod key;
mod lifetime;
mod outcome;
mod perform_once;
mod sql;
mod sweep;

pub use self::{
    fingerprint::Fingerprint,
    key::{Operation, RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse},
    lifetime::key_lifetime_from_env,
    perform_once::Idempotency,
    sql::{claim_key, load_response, store_response},
    sweep::sweep_expired_keys,
};
