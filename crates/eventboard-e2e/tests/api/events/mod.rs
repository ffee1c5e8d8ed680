//! `/events`.

mod create;
mod delete;
mod idempotency;
mod list;
mod preconditions;
mod read;
mod texts;
mod transitions;
mod update;
