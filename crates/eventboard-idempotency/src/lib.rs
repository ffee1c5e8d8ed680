//! Performs every write with an idempotency key exactly once, across repeated requests, replicas and crashes.
//!
//! PostgreSQL is the source of truth. A key is committed in the same transaction as the effect of the write, because
//! the store of a service claims the key and stores the response in that transaction ([`claim_key`],
//! [`store_response`]). A cache in front of the database answers repeated requests from memory. It also lets
//! identical concurrent calls on one replica wait for the first call without a database connection ([`Idempotency`]).

mod cache;
mod fingerprint;
mod key;
mod outcome;
mod sql;
mod sweep;

pub use self::{
    cache::Idempotency,
    fingerprint::Fingerprint,
    key::{Operation, RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse},
    sql::{claim_key, load_response, store_response},
    sweep::sweep_expired_keys,
};
