//! All SQL of the service. Every statement on events names the caller's organization.

mod keys;
mod list;
mod many;
mod read;
mod write;

use chrono::{DateTime, Utc};
use eventboard_chassis::{error::ServiceError, token::Identity};
use eventboard_db::Database;
use uuid::Uuid;

use self::many::ManyRows;
use crate::event::Event;

/// The service's tables.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    many_rows: ManyRows,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, many_rows: ManyRows::new() }
    }
}

/// An event as it is selected, with its status as text.
#[derive(sqlx::FromRow)]
struct EventRow {
    id: Uuid,
    organization_id: Uuid,
    created_by_id: Uuid,
    title: String,
    description: String,
    location: Option<String>,
    start_date: DateTime<Utc>,
    end_date: DateTime<Utc>,
    status: String,
    rejection_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

impl TryFrom<EventRow> for Event {
    type Error = ServiceError;

    fn try_from(row: EventRow) -> Result<Self, ServiceError> {
        Ok(Self {
            id: row.id,
            organization_id: row.organization_id,
            created_by_id: row.created_by_id,
            title: row.title,
            description: row.description,
            location: row.location,
            start_date: row.start_date,
            end_date: row.end_date,
            status: row.status.parse().map_err(ServiceError::internal)?,
            rejection_reason: row.rejection_reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }
}

/// The columns of [`EventRow`], followed by the rest of a statement on one event that the caller may
/// see: $1 its id, $2 the organization, $3 whether the caller sees all of it, $4 the caller.
macro_rules! visible_event {
    ($lock:literal, $id:expr, $caller:expr) => {
        sqlx::query_as!(
            $crate::store::EventRow,
            r#"
            select id, "organizationId" as organization_id, "createdById" as created_by_id, title, description,
                location, "startDate" as start_date, "endDate" as end_date, status::text as "status!",
                "rejectionReason" as rejection_reason, "createdAt" as created_at, "updatedAt" as updated_at, version
            from "Event"
            where id = $1 and "organizationId" = $2 and ($3 or "createdById" = $4 or status = 'APPROVED')
            "# + $lock,
            $id,
            $caller.organization_id,
            $caller.role.moderates(),
            $caller.user_id,
        )
    };
}
use visible_event;

/// The caller's id when the caller sees only a part of the organization.
pub(crate) fn only_visible_to(caller: &Identity) -> Option<Uuid> {
    (!caller.role.moderates()).then_some(caller.user_id)
}
