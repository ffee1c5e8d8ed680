//! The service's use cases, one per file. Each one asks the domain for a decision and reads or writes through the
//! store.

mod change;
mod create;
mod days;
mod export;
mod find;
mod list;
mod people;
mod queue;
mod transfer;
mod usage;

use chrono::{DateTime, Utc};
use eventboard_domain::Quotas;
use eventboard_idempotency::Idempotency;

pub(crate) use self::{
    change::{ChangeCall, ChangeCommand},
    create::CreateCommand,
    transfer::TransferCommand,
};
use crate::{cursor::CursorSigner, store::Store};

/// The use cases and their dependencies.
pub(crate) struct EventUseCases {
    pub store: Store,
    pub idempotency: Idempotency,
    pub cursors: CursorSigner,
    pub quotas: Quotas,
    pub require_verified_email: bool,
}

/// Returns the current time with the precision of stored times, milliseconds.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}
