//! Changes an event. One transaction contains the key, the effect, the history and the mail.

use eventboard_chassis::{correlation::CorrelationId, error::ServiceError, server::Deadline};
use eventboard_db::{AsText, InstrumentStatement, Lease, db_error};
use eventboard_domain::{Effect, Event, EventStatus, HistoryAction, Identity, MailKind};
use eventboard_idempotency::{ScopedKey, StoredResponse, claim_key, store_response};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{
    event::{expect_one_row, update},
    find,
};

/// A transaction that changes one event. It is rolled back when it is dropped without a commit.
pub(crate) struct EventTransaction<'l>(Transaction<'l, Postgres>);

impl<'l> EventTransaction<'l> {
    /// Begins a transaction whose statements time out at the deadline.
    pub(crate) async fn begin(lease: &'l mut Lease, deadline: Deadline) -> Result<Self, ServiceError> {
        lease.begin(deadline).await.map(Self)
    }

    /// The connection, for the statements of other files.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    /// Claims the key, or returns the stored response of the key. Checks the caller in the same statement.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn claim_key(
        &mut self,
        key: &ScopedKey,
    ) -> Result<Option<StoredResponse>, ServiceError> {
        claim_key(&mut self.0, key).await
    }

    /// Finds and locks the event, if the caller may see it. The lock is held until the transaction ends, so that of
    /// two concurrent changes the second one sees the status that the first one set.
    pub(crate) async fn find_for_update(
        &mut self,
        caller: &Identity,
        id: Uuid,
    ) -> Result<Option<Event>, ServiceError> {
        find::find_for_update(&mut self.0, caller, id).await
    }

    /// Whether the caller has proved that the e-mail address of their account is theirs.
    pub(crate) async fn has_verified_email(&mut self, caller: &Identity) -> Result<bool, ServiceError> {
        sqlx::query_scalar!(
            r#"
            select exists (
                select from "User" where id = $1 and "organizationId" = $2 and "emailVerifiedAt" is not null
            ) as "is_verified!"
            "#,
            caller.user_id,
            caller.organization_id,
        )
        .fetch_one(&mut *self.0)
        .instrumented("SELECT caller")
        .await
        .map_err(db_error)
    }

    /// Writes the effect, the history entry and, after a decision, the mail to the owner.
    pub(crate) async fn write(
        &mut self,
        caller: &Identity,
        effect: &Effect,
        correlation: &CorrelationId,
    ) -> Result<(), ServiceError> {
        match effect {
            Effect::Unchanged(_) => Ok(()),
            Effect::Updated(event) => update(&mut self.0, event).await,
            Effect::StatusChanged { event, from, history_action } => {
                let change =
                    StatusChange { caller, action: *history_action, from: *from, event, correlation };
                change_status(&mut self.0, change).await
            }
            Effect::Deleted(event) => delete(&mut self.0, caller, event).await,
        }
    }

    /// Stores the response with the key.
    pub(crate) async fn store_response(
        &mut self,
        key: &ScopedKey,
        response: Vec<u8>,
    ) -> Result<StoredResponse, ServiceError> {
        store_response(&mut self.0, key, response).await
    }

    /// Commits the transaction.
    pub(crate) async fn commit(self) -> Result<(), ServiceError> {
        self.0.commit().instrumented("COMMIT").await.map_err(db_error)
    }
}

/// A change of an event's status.
struct StatusChange<'c> {
    caller: &'c Identity,
    action: HistoryAction,
    from: EventStatus,
    /// The event after the change.
    event: &'c Event,
    correlation: &'c CorrelationId,
}

/// The statement returns a row for each history entry, and the mail is a part of it, so that it costs no round trip. No
/// mail is written if there is nothing to tell, the owner does not want it, or the owner cannot log in any more.
async fn change_status(connection: &mut PgConnection, change: StatusChange<'_>) -> Result<(), ServiceError> {
    let StatusChange { caller, action, from, event, correlation } = change;
    let recorded = sqlx::query!(
        r#"
        with moved as (
            update "Event" set status = $3::text::"EventStatus", "rejectionReason" = $4, "updatedAt" = $5, version = $6,
                "submittedAt" = $13
            where id = $1 and "organizationId" = $2 and status = $7::text::"EventStatus"
            returning id, "organizationId", "createdById", status, "rejectionReason"
        ), recorded as (
            insert into "EventHistory"
                ("eventId", "organizationId", "actorId", action, "fromStatus", "toStatus", reason)
            select id, "organizationId", $8, $9, $7::text::"EventStatus", status, "rejectionReason" from moved
            returning id
        ), mailed as (
            insert into "Outbox" (id, kind, "organizationId", "recipientId", "historyId", "correlationId")
            select $10, $11, moved."organizationId", owner.id, recorded.id, $12
            from moved, recorded, "User" owner
            where $11::text is not null and owner.id = moved."createdById" and not owner.disabled
                and owner."decisionMails" = 'immediate'
        )
        select from recorded
        "#,
        event.id,
        event.organization_id,
        AsText(event.status) as _,
        event.rejection_reason,
        event.updated_at,
        event.version,
        AsText(from) as _,
        caller.user_id,
        AsText(action) as _,
        Uuid::now_v7(),
        MailKind::about_status_change(action, event, caller).map(AsText) as _,
        correlation.as_str(),
        event.submitted_at,
    )
    .execute(connection)
    .instrumented("MOVE Event")
    .await
    .map_err(db_error)?;
    expect_one_row(recorded.rows_affected())
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
        AsText(HistoryAction::Delete) as _,
    )
    .execute(connection)
    .instrumented("DELETE Event")
    .await
    .map_err(db_error)?;
    expect_one_row(recorded.rows_affected())
}
