//! Changing: one transaction for the key, the effect and its history.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_db::{Lease, Named, Word, db_error};
use eventboard_domain::{Effect, Event, EventStatus, HistoryAction, Identity};
use eventboard_idempotency::{Key, Stored, answer, claim};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{
    event::{one_row, update},
    find,
};

/// A transaction that changes one event. Dropped without a commit, nothing of it has happened.
pub(crate) struct EventTransaction<'l>(Transaction<'l, Postgres>);

impl<'l> EventTransaction<'l> {
    /// Begins on a connection; statements end when the deadline passes.
    pub(crate) async fn begin(lease: &'l mut Lease, deadline: Deadline) -> Result<Self, ServiceError> {
        lease.begin(deadline).await.map(Self)
    }

    /// Takes the key, or finds the response that it stands for.
    pub(crate) async fn claim(&mut self, key: &Key) -> Result<Option<Stored>, ServiceError> {
        claim(&mut self.0, key).await
    }

    /// The event, if the caller may see it. It stays locked from the decision to the effect, so that of two decisions
    /// at the same instant one finds the status changed.
    pub(crate) async fn find_locked(
        &mut self,
        caller: &Identity,
        id: Uuid,
    ) -> Result<Option<Event>, ServiceError> {
        find::locked(&mut self.0, caller, id).await
    }

    /// Makes the effect last, and records it.
    pub(crate) async fn write(&mut self, caller: &Identity, effect: &Effect) -> Result<(), ServiceError> {
        match effect {
            Effect::Unchanged(_) => Ok(()),
            Effect::Updated(event) => update(&mut self.0, event).await,
            Effect::Moved { event, from, recorded_as } => {
                transition(&mut self.0, caller, *recorded_as, *from, event).await
            }
            Effect::Deleted(event) => delete(&mut self.0, caller, event).await,
        }
    }

    /// Puts the response to the key.
    pub(crate) async fn answer(&mut self, key: &Key, response: Vec<u8>) -> Result<Stored, ServiceError> {
        answer(&mut self.0, key, response).await
    }

    /// Lets it have happened.
    pub(crate) async fn commit(self) -> Result<(), ServiceError> {
        self.0.commit().named("COMMIT").await.map_err(db_error)
    }
}

async fn transition(
    connection: &mut PgConnection,
    caller: &Identity,
    recorded_as: HistoryAction,
    from: EventStatus,
    moved: &Event,
) -> Result<(), ServiceError> {
    let recorded = sqlx::query!(
        r#"
        with moved as (
            update "Event" set status = $3::text::"EventStatus", "rejectionReason" = $4, "updatedAt" = $5, version = $6
            where id = $1 and "organizationId" = $2 and status = $7::text::"EventStatus"
            returning id, "organizationId", status, "rejectionReason"
        )
        insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus", "toStatus", reason)
        select id, "organizationId", $8, $9, $7::text::"EventStatus", status, "rejectionReason" from moved
        "#,
        moved.id,
        moved.organization_id,
        Word(moved.status) as _,
        moved.rejection_reason,
        moved.updated_at,
        moved.version,
        Word(from) as _,
        caller.user_id,
        Word(recorded_as) as _,
    )
    .execute(connection)
    .named("MOVE Event")
    .await
    .map_err(db_error)?;
    one_row(recorded.rows_affected())
}

async fn delete(connection: &mut PgConnection, caller: &Identity, event: &Event) -> Result<(), ServiceError> {
    let recorded = sqlx::query!(
        r#"
        with gone as (
            delete from "Event" where id = $1 and "organizationId" = $2 returning id, "organizationId", status
        )
        insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus")
        select id, "organizationId", $3, $4, status from gone
        "#,
        event.id,
        event.organization_id,
        caller.user_id,
        Word(HistoryAction::Delete) as _,
    )
    .execute(connection)
    .named("DELETE Event")
    .await
    .map_err(db_error)?;
    one_row(recorded.rows_affected())
}
