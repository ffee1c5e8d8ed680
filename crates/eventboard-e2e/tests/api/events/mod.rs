//! `/events`.

mod create;
mod delete;
mod idempotency;
mod list;
mod preconditions;
mod read;
mod transitions;
mod update;
