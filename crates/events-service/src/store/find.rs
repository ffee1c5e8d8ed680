//! Finds one event, with or without a row lock.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{Event, EventStatus, Identity, Visibility};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Store,
    event::{EventRow, with_event_columns},
};

/// Selects one event that the caller may see. The parameters are $1 event, $2 organization, $3 whether the caller may
/// see all events of the organization, and $4 caller. The `where` condition repeats the rule of the domain type
/// `Visibility`, so keep both in sync. For a change, the domain checks the visibility again.
macro_rules! visible_event {
    ($columns:literal $lock:literal, $id:expr, $caller:expr) => {
        sqlx::query_as!(
            EventRow,
            "select " + $columns + r#" from "Event"
            where id = $1 and "organizationId" = $2 and ($3 or "createdById" = $4 or status = 'APPROVED') "# + $lock,
            $id,
            $caller.organization_id,
            can_see_all($caller),
            $caller.user_id,
        )
    };
}

fn can_see_all(caller: &Identity) -> bool {
    match Visibility::of(caller) {
        Visibility::Everything => true,
        Visibility::OwnAndApproved(_) => false,
    }
}

impl Store {
    /// Finds the event, if the caller may see it.
    pub(crate) async fn find(&self, caller: &Identity, id: Uuid) -> Result<Option<Event>, ServiceError> {
        let mut lease = self.acquire(caller.organization_id).await?;
        let row = with_event_columns!(visible_event! "", id, caller)
            .fetch_optional(&mut *lease)
            .instrumented("SELECT Event")
            .await
            .map_err(db_error)?;
        lease.release();
        Ok(row.map(Event::from))
    }
}

/// Finds the event, if the caller may see it, and locks it until the transaction ends.
pub(super) async fn find_for_update(
    transaction: &mut PgConnection,
    caller: &Identity,
    id: Uuid,
) -> Result<Option<Event>, ServiceError> {
    let row = with_event_columns!(visible_event! "for no key update", id, caller)
        .fetch_optional(transaction)
        .instrumented("LOCK Event")
        .await
        .map_err(db_error)?;
    Ok(row.map(Event::from))
}
