//! Every keyed write happens once, across repetitions, replicas and crashes.
//!
//! The truth is in PostgreSQL, where a key is committed together with its effect: a service's store claims the key in
//! the transaction of the write and puts the response to it ([`claim`], [`answer`]). In front of it a cache answers
//! repetitions without the database, and lets identical calls on this replica wait for the first one in memory,
//! without a connection of their own ([`Idempotency`]).

mod cache;
mod fingerprint;
mod key;
mod outcome;
mod sql;
mod sweep;

pub use self::{
    cache::Idempotency,
    fingerprint::Fingerprint,
    key::{Answer, GivenKey, Key, Operation, Source, Stored},
    sql::{answer, claim, stored},
    sweep::sweep_expired_keys,
};
