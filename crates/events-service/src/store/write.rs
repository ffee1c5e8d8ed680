//! Writing: one transaction for the key, the effect and its history.

use chrono::{DateTime, Utc};
use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    server::Deadline,
    token::Identity,
};
use eventboard_db::{Named, OnConstraint, db_error};
use eventboard_domain::EventStatus;
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{Store, keys, visible_event};
use crate::{
    command::{Change, Command, Draft, Patch},
    event::{self, Event, IfMatch},
    idempotency::{Key, Source, Stored},
    wire,
};

impl Store {
    /// Performs the command, or finds what it did when its key was used before. A refusal rolls
    /// everything back and burns no key.
    pub(crate) async fn perform(
        &self,
        caller: &Identity,
        command: &Command,
        key: &Key,
        deadline: Deadline,
    ) -> Result<(Stored, Source), ServiceError> {
        let mut lease = self.database.acquire().await?;
        if let Command::Create(draft) = command
            && lease.times_out_by(deadline)
            && let Some(stored) = create(&mut lease, caller, draft, key).await?
        {
            // One statement is a transaction by itself, and two round trips less.
            lease.release();
            return Ok((stored, Source::Performed));
        }
        let mut transaction = lease.begin(deadline).await?;
        let (stored, source) = perform(&mut transaction, caller, command, key).await?;
        transaction.commit().named("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok((stored, source))
    }
}

/// Performs the command in the transaction, or finds what it did.
async fn perform(
    transaction: &mut Transaction<'_, Postgres>,
    caller: &Identity,
    command: &Command,
    key: &Key,
) -> Result<(Stored, Source), ServiceError> {
    let performed = match command {
        Command::Create(draft) => match create(transaction, caller, draft, key).await? {
            Some(stored) => stored,
            None => return Ok((keys::stored(transaction, key).await?, Source::Database)),
        },
        Command::Change { id, if_match, change } => {
            if let Some(stored) = keys::claim(transaction, key).await? {
                return Ok((stored, Source::Database));
            }
            let left = apply(transaction, caller, *id, if_match.as_ref(), change).await?;
            keys::answer(transaction, key, left.map(wire::encode).unwrap_or_default()).await?
        }
    };
    Ok((performed, Source::Performed))
}

/// Claims the key, creates the event, records it and stores the response, in one statement: the
/// response is known beforehand. `None` when the key was used before.
async fn create(
    connection: &mut PgConnection,
    caller: &Identity,
    draft: &Draft,
    key: &Key,
) -> Result<Option<Stored>, ServiceError> {
    let event = new_event(caller, draft);
    let response = wire::encode(event.clone());
    let claimed = sqlx::query!(
        r#"
        with claimed as (
            insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
            values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
            on conflict on constraint idempotency_key_pkey do update
            set fingerprint = excluded.fingerprint, "requestId" = excluded."requestId", response = excluded.response,
                "createdAt" = excluded."createdAt", "expiresAt" = excluded."expiresAt"
            where "IdempotencyKey"."expiresAt" <= now()
            returning 1
        ), created as (
            insert into "Event" (id, "organizationId", "createdById", title, description, location,
                "startDate", "endDate", "createdAt", "updatedAt", version)
            select $8::uuid, $9::uuid, $1, $10, $11, $12, $13::timestamptz, $14::timestamptz, $15::timestamptz,
                $15::timestamptz, $16::bigint
            from claimed
            returning id, "organizationId", "createdById", status
        ), recorded as (
            insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
            select id, "organizationId", "createdById", 'CREATE', status from created
        )
        select 1 as claimed from claimed
        "#,
        key.caller_id,
        key.method,
        key.key,
        &key.fingerprint[..],
        key.request_id,
        response,
        key.lifetime.as_secs_f64(),
        event.id,
        event.organization_id,
        event.title,
        event.description,
        event.location,
        event.start_date,
        event.end_date,
        event.created_at,
        event.version,
    )
    .fetch_optional(connection)
    .named("INSERT Event")
    .await
    // The owner was deleted while the token lived.
    .on_constraint("event_owner_fkey", ServiceError::unauthenticated)?;
    Ok(claimed.map(|_| key.stored(response)))
}

fn new_event(caller: &Identity, draft: &Draft) -> Event {
    let now = now();
    Event {
        id: Uuid::now_v7(),
        organization_id: caller.organization_id,
        created_by_id: caller.user_id,
        title: draft.title.clone(),
        description: draft.description.clone(),
        location: draft.location.clone(),
        start_date: draft.start_date,
        end_date: draft.end_date,
        status: EventStatus::Draft,
        rejection_reason: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// Changes an event that exists; what is left of it. The row stays locked from the decision to the
/// effect, so that of two decisions at the same instant one finds the status changed.
async fn apply(
    transaction: &mut Transaction<'_, Postgres>,
    caller: &Identity,
    id: Uuid,
    if_match: Option<&IfMatch>,
    change: &Change,
) -> Result<Option<Event>, ServiceError> {
    let row = visible_event!("for no key update", id, caller).fetch_optional(&mut **transaction);
    let row = row.named("LOCK Event").await;
    let event = Event::try_from(row.map_err(db_error)?.ok_or_else(event::not_found)?)?;
    event::decide(caller, change.operation(), &event, if_match)?;
    let reason = match change {
        Change::Update(patch) => return update(transaction, event, patch).await.map(Some),
        Change::Delete => return delete(transaction, caller, &event).await.map(|()| None),
        Change::Reject { reason } => Some(reason.clone()),
        Change::Submit | Change::Approve => None,
    };
    let (action, status) = match change {
        Change::Submit => ("SUBMIT", EventStatus::Submitted),
        Change::Approve => ("APPROVE", EventStatus::Approved),
        _ => ("REJECT", EventStatus::Rejected),
    };
    let from = event.status;
    let moved = Event { status, rejection_reason: reason, ..changed(event) };
    transition(transaction, caller, action, from, &moved).await.map(|()| Some(moved))
}

/// A patch that leaves every field as it is changes nothing, not even the version.
async fn update(
    transaction: &mut Transaction<'_, Postgres>,
    event: Event,
    patch: &Patch,
) -> Result<Event, ServiceError> {
    let merged = patch.clone().apply(event.clone())?;
    if merged == event {
        return Ok(event);
    }
    let merged = changed(merged);
    let updated = sqlx::query!(
        r#"
        update "Event" set title = $3, description = $4, location = $5, "startDate" = $6, "endDate" = $7,
            "updatedAt" = $8, version = $9
        where id = $1 and "organizationId" = $2
        "#,
        merged.id,
        merged.organization_id,
        merged.title,
        merged.description,
        merged.location,
        merged.start_date,
        merged.end_date,
        merged.updated_at,
        merged.version,
    )
    .execute(&mut **transaction)
    .named("UPDATE Event")
    .await
    .map_err(db_error)?;
    one_row(updated.rows_affected())?;
    Ok(merged)
}

async fn transition(
    transaction: &mut Transaction<'_, Postgres>,
    caller: &Identity,
    action: &str,
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
        moved.status.as_str(),
        moved.rejection_reason,
        moved.updated_at,
        moved.version,
        from.as_str(),
        caller.user_id,
        action,
    )
    .execute(&mut **transaction)
    .named("MOVE Event")
    .await
    .map_err(db_error)?;
    one_row(recorded.rows_affected())
}

async fn delete(
    transaction: &mut Transaction<'_, Postgres>,
    caller: &Identity,
    event: &Event,
) -> Result<(), ServiceError> {
    let recorded = sqlx::query!(
        r#"
        with gone as (
            delete from "Event" where id = $1 and "organizationId" = $2 returning id, "organizationId", status
        )
        insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus")
        select id, "organizationId", $3, 'DELETE', status from gone
        "#,
        event.id,
        event.organization_id,
        caller.user_id,
    )
    .execute(&mut **transaction)
    .named("DELETE Event")
    .await
    .map_err(db_error)?;
    one_row(recorded.rows_affected())
}

/// The row was locked before: anything else is a defect.
fn one_row(affected: u64) -> Result<(), ServiceError> {
    if affected == 1 {
        Ok(())
    } else {
        Err(ServiceError::new(ErrorCode::Internal, "Something went wrong on our side."))
    }
}

/// The event as of now.
fn changed(event: Event) -> Event {
    Event { updated_at: now(), version: event.version + 1, ..event }
}

/// Instants are kept to the millisecond.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}
