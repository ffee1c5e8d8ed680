//! An event as it is selected.

use chrono::{DateTime, Utc};
use eventboard_db::Word;
use eventboard_domain::{Event, EventStatus};
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
