//! The columns of an event: every statement that lists them.

use chrono::{DateTime, Utc};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_db::{Named, OnConstraint, Word, db_error};
use eventboard_domain::{Event, EventStatus, HistoryAction};
use eventboard_idempotency::{Key, with_claim_statement};
use sqlx::PgConnection;
use uuid::Uuid;

/// Hands the columns of [`EventRow`] to another macro, before its own input: the macros of sqlx take literals only.
macro_rules! with_event_columns {
    ($macro:ident! $($input:tt)*) => {
        $macro! {
            r#"id, "organizationId" as organization_id, "createdById" as created_by_id, title, description, location,
            "startDate" as start_date, "endDate" as end_date, status::text as "status!: Word<EventStatus>",
            "rejectionReason" as rejection_reason, "createdAt" as created_at, "updatedAt" as updated_at, version"#
            $($input)*
        }
    };
}
pub(super) use with_event_columns;

/// A row of these columns.
#[derive(sqlx::FromRow)]
pub(super) struct EventRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub created_by_id: Uuid,
    pub title: String,
    pub description: String,
    pub location: Option<String>,
    pub start_date: DateTime<Utc>,
    pub end_date: DateTime<Utc>,
    /// The name is a note to the macros that check a statement when it is compiled; at run time it is a name.
    #[sqlx(rename = "status!: Word<EventStatus>")]
    pub status: Word<EventStatus>,
    pub rejection_reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        let EventRow {
            id,
            organization_id,
            created_by_id,
            title,
            description,
            location,
            start_date,
            end_date,
            status: Word(status),
            rejection_reason,
            created_at,
            updated_at,
            version,
        } = row;
        Self {
            id,
            organization_id,
            created_by_id,
            title,
            description,
            location,
            start_date,
            end_date,
            status,
            rejection_reason,
            created_at,
            updated_at,
            version,
        }
    }
}

/// The statement that claims a key, with its response ($1 to $8), and what happens only where the key was free.
macro_rules! create_statement {
    ($claim:literal $($value:expr),+ $(,)?) => {
        sqlx::query!(
            "with claimed as (" + $claim + r#" returning 1
            ), created as (
                insert into "Event" (id, "organizationId", "createdById", title, description, location,
                    "startDate", "endDate", status, "createdAt", "updatedAt", version)
                select $9::uuid, $10::uuid, $11::uuid, $12, $13, $14, $15::timestamptz, $16::timestamptz,
                    $17::text::"EventStatus", $18::timestamptz, $19::timestamptz, $20::bigint
                from claimed
                returning id, "organizationId", "createdById", status
            ), recorded as (
                insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
                select id, "organizationId", "createdById", $21, status from created
            )
            select 1 as claimed from claimed
            "#,
            $($value),+
        )
    };
}

/// Creates the event and records it, with its key and response in one statement. Whether the key was free.
pub(super) async fn insert(
    connection: &mut PgConnection,
    event: &Event,
    response: &[u8],
    key: &Key,
) -> Result<bool, ServiceError> {
    let Event {
        id,
        organization_id,
        created_by_id,
        title,
        description,
        location,
        start_date,
        end_date,
        status,
        // Nobody has rejected it yet.
        rejection_reason: _,
        created_at,
        updated_at,
        version,
    } = event;
    let claimed = with_claim_statement!(
        create_statement!
        key.caller_id,
        key.operation.service,
        key.operation.method,
        key.key,
        &key.fingerprint[..],
        key.request_id,
        response,
        key.lifetime.as_secs_f64(),
        id,
        organization_id,
        created_by_id,
        title,
        description,
        location.as_deref(),
        start_date,
        end_date,
        Word(*status) as _,
        created_at,
        updated_at,
        version,
        Word(HistoryAction::Create) as _,
    )
    .fetch_optional(connection)
    .named("INSERT Event")
    .await
    // The owner was deleted while the token lived.
    .on_constraint("event_owner_fkey", ServiceError::unauthenticated)?;
    Ok(claimed.is_some())
}

/// Writes the fields that an update may change.
pub(super) async fn update(connection: &mut PgConnection, event: &Event) -> Result<(), ServiceError> {
    let Event {
        id,
        organization_id,
        title,
        description,
        location,
        start_date,
        end_date,
        updated_at,
        version,
        // An update leaves these as they are.
        created_by_id: _,
        status: _,
        rejection_reason: _,
        created_at: _,
    } = event;
    let updated = sqlx::query!(
        r#"
        update "Event" set title = $3, description = $4, location = $5, "startDate" = $6, "endDate" = $7,
            "updatedAt" = $8, version = $9
        where id = $1 and "organizationId" = $2
        "#,
        id,
        organization_id,
        title,
        description,
        location.as_deref(),
        start_date,
        end_date,
        updated_at,
        version,
    )
    .execute(connection)
    .named("UPDATE Event")
    .await
    .map_err(db_error)?;
    one_row(updated.rows_affected())
}

/// The row was locked before: anything else is a defect.
pub(super) fn one_row(affected: u64) -> Result<(), ServiceError> {
    if affected == 1 {
        Ok(())
    } else {
        Err(ServiceError::new(ErrorCode::Internal, "Something went wrong on our side."))
    }
}
