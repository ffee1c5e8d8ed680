//! The columns of an event, and the statements that write them.

use chrono::{DateTime, Utc};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_db::{AsText, InstrumentStatement, OnConstraint, db_error};
use eventboard_domain::{Event, EventStatus, FoldedTexts, HistoryAction, Refusal};
use eventboard_idempotency::{ScopedKey, with_claim_statement};
use sqlx::PgConnection;
use uuid::Uuid;

/// Calls a macro with the columns of [`EventRow`], followed by the given input. The columns are passed as a literal,
/// because sqlx's macros accept only literals.
macro_rules! with_event_columns {
    ($macro:ident! $($input:tt)*) => {
        $macro! {
            r#"id, "organizationId" as organization_id, "createdById" as created_by_id, title, description, location,
            "startDate" as start_date, "endDate" as end_date, status::text as "status!: AsText<EventStatus>",
            "rejectionReason" as rejection_reason, "submittedAt" as submitted_at, "createdAt" as created_at,
            "updatedAt" as updated_at, version"#
            $($input)*
        }
    };
}
pub(super) use with_event_columns;

/// A row with the columns of an event.
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
    /// sqlx's compile-time macros read the type from this column name. At run time the column really has this name.
    #[sqlx(rename = "status!: AsText<EventStatus>")]
    pub status: AsText<EventStatus>,
    pub rejection_reason: Option<String>,
    pub submitted_at: Option<DateTime<Utc>>,
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
            status: AsText(status),
            rejection_reason,
            submitted_at,
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
            submitted_at,
            created_at,
            updated_at,
            version,
        }
    }
}

/// The statement that claims a key with its response ($1 to $12), and creates the event only if the key was free.
macro_rules! create_statement {
    ($claim:literal $($value:expr),+ $(,)?) => {
        sqlx::query!(
            "with claimed as (" + $claim + r#" returning 1
            ), created as (
                insert into "Event" (id, "organizationId", "createdById", title, description, location,
                    "startDate", "endDate", status, "createdAt", "updatedAt", version,
                    "foldedTitle", "searchText", "foldedVersion")
                select $13::uuid, $14::uuid, $15::uuid, $16, $17, $18, $19::timestamptz, $20::timestamptz,
                    $21::text::"EventStatus", $22::timestamptz, $23::timestamptz, $24::bigint, $26, $27, $24::bigint
                from claimed
                returning id, "organizationId", "createdById", status
            ), recorded as (
                insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
                select id, "organizationId", "createdById", $25, status from created
            )
            select 1 as claimed from claimed
            "#,
            $($value),+
        )
    };
}

/// Inserts the event, its history entry, its key and its response in one statement. Returns `false` and inserts
/// nothing when the key was not free or the caller's token is outdated.
pub(super) async fn insert(
    connection: &mut PgConnection,
    event: &Event,
    response: &[u8],
    key: &ScopedKey,
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
        // A new event was neither submitted nor rejected.
        rejection_reason: _,
        submitted_at: _,
        created_at,
        updated_at,
        version,
    } = event;
    let FoldedTexts { title: folded_title, search_text } = event.folded_texts();
    let claimed = with_claim_statement!(
        create_statement!
        key.caller.user_id,
        key.caller.organization_id,
        AsText(key.caller.role) as _,
        key.caller.session.id(),
        key.caller.session.issued_at(),
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
        AsText(*status) as _,
        created_at,
        updated_at,
        version,
        AsText(HistoryAction::Create) as _,
        folded_title,
        search_text,
    )
    .fetch_optional(connection)
    .instrumented("INSERT Event")
    .await
    // The foreign key is violated when the owner is deleted during the statement.
    .on_constraint(&["event_owner_fkey"], || Refusal::TokenOutdated.into())?;
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
        // An update does not change these fields.
        created_by_id: _,
        status: _,
        rejection_reason: _,
        submitted_at: _,
        created_at: _,
    } = event;
    let FoldedTexts { title: folded_title, search_text } = event.folded_texts();
    let updated = sqlx::query!(
        r#"
        update "Event" set title = $3, description = $4, location = $5, "startDate" = $6, "endDate" = $7,
            "updatedAt" = $8, version = $9, "foldedTitle" = $10, "searchText" = $11, "foldedVersion" = $9
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
        folded_title,
        search_text,
    )
    .execute(connection)
    .instrumented("UPDATE Event")
    .await
    .map_err(db_error)?;
    expect_one_row(updated.rows_affected())
}

/// Checks that a statement affected one row. The row was locked before, so any other number means a defect.
pub(super) fn expect_one_row(affected: u64) -> Result<(), ServiceError> {
    if affected == 1 {
        Ok(())
    } else {
        Err(ServiceError::new(ErrorCode::Internal, "Something went wrong on our side."))
    }
}
