//! What the service does, a use case a file: each asks the domain what may happen and the store to do it.

mod change;
mod create;
mod find;
mod list;

use chrono::{DateTime, Utc};
use eventboard_idempotency::Idempotency;

pub(crate) use self::{change::Change, create::Create};
use crate::{cursor::CursorSigner, store::Store};

/// The use cases, with what they work on.
pub(crate) struct Events {
    pub store: Store,
    pub idempotency: Idempotency,
    pub cursors: CursorSigner,
}

/// Instants are kept to the millisecond.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}
