//! Finding one event, to be read or to be changed.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{Named, Word, db_error};
use eventboard_domain::{Event, EventStatus, Identity, Visibility};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Store,
    event::{EventRow, with_event_columns},
};

/// One event that the caller may see: $1 its id, $2 the organization, $3 whether the caller sees all of it, $4 the
/// caller. The condition is the domain's `Visibility`; a decision asks the domain again.
macro_rules! visible_event {
    ($columns:literal $lock:literal, $id:expr, $caller:expr) => {
        sqlx::query_as!(
            EventRow,
            "select " + $columns + r#" from "Event"
            where id = $1 and "organizationId" = $2 and ($3 or "createdById" = $4 or status = 'APPROVED') "# + $lock,
            $id,
            $caller.organization_id,
            sees_everything($caller),
            $caller.user_id,
        )
    };
}

fn sees_everything(caller: &Identity) -> bool {
    match Visibility::of(caller) {
        Visibility::Everything => true,
        Visibility::OwnAndApproved(_) => false,
    }
}

impl Store {
    /// The event, if the caller may see it.
    pub(crate) async fn find(&self, caller: &Identity, id: Uuid) -> Result<Option<Event>, ServiceError> {
        let mut lease = self.database.acquire().await?;
        let row = with_event_columns!(visible_event! "", id, caller)
            .fetch_optional(&mut *lease)
            .named("SELECT Event")
            .await
            .map_err(db_error)?;
        lease.release();
        Ok(row.map(Event::from))
    }
}

/// The event, if the caller may see it, locked until the transaction ends.
pub(super) async fn locked(
    transaction: &mut PgConnection,
    caller: &Identity,
    id: Uuid,
) -> Result<Option<Event>, ServiceError> {
    let row = with_event_columns!(visible_event! "for no key update", id, caller)
        .fetch_optional(transaction)
        .named("LOCK Event")
        .await
        .map_err(db_error)?;
    Ok(row.map(Event::from))
}
