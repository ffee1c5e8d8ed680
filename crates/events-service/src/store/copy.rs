//! Reads what a user wrote, for a copy.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{Event, EventStatus, Identity};
use uuid::Uuid;

use super::{
    Store,
    event::{EventRow, with_event_columns},
};
use crate::copy::{CopyPage, CopyPosition, WrittenReason};

/// The number of events or reasons of a page. Events of this number fit into a gRPC message, which has at most 4 MiB.
const PAGE_SIZE: i64 = 100;

macro_rules! owned_events {
    ($columns:literal $caller:expr, $status:expr, $id:expr) => {
        sqlx::query_as!(
            EventRow,
            "select "
                + $columns
                + r#" from "Event"
            where "createdById" = $1 and "organizationId" = $2
                and ($3::text is null or (status, id) > ($3::text::"EventStatus", $4))
            order by "Event".status, id limit $5"#,
            $caller.user_id,
            $caller.organization_id,
            $status,
            $id,
            PAGE_SIZE,
        )
    };
}

impl Store {
    /// Reads events of the caller, in the order of the index.
    pub(crate) async fn copy_events(
        &self,
        caller: &Identity,
        last: Option<(EventStatus, Uuid)>,
    ) -> Result<CopyPage, ServiceError> {
        let mut lease = self.acquire(caller.organization_id).await?;
        let status = last.map(|(status, _)| status.as_str());
        let id = last.map(|(_, id)| id).unwrap_or_default();
        let rows = with_event_columns!(owned_events! caller, status, id)
            .fetch_all(&mut *lease)
            .instrumented("SELECT own events")
            .await
            .map_err(db_error)?;
        lease.release();
        let events: Vec<_> = rows.into_iter().map(Event::from).collect();
        let next = match events.last() {
            Some(last) => CopyPosition::Events(Some((last.status, last.id))),
            None => CopyPosition::Reasons(0),
        };
        Ok(CopyPage { events, reasons: Vec::new(), next: Some(next) })
    }

    /// Reads reasons that the caller has written, in the order in which they were.
    pub(crate) async fn copy_reasons(&self, caller: &Identity, last: i64) -> Result<CopyPage, ServiceError> {
        let mut lease = self.acquire(caller.organization_id).await?;
        let reasons = sqlx::query_as!(
            WrittenReason,
            r#"
            select id, "eventId" as event_id, reason as "reason!", at from "EventHistory"
            where "actorId" = $1 and reason is not null and id > $2 and "organizationId" = $3
            order by id limit $4
            "#,
            caller.user_id,
            last,
            caller.organization_id,
            PAGE_SIZE,
        )
        .fetch_all(&mut *lease)
        .instrumented("SELECT own reasons")
        .await
        .map_err(db_error)?;
        lease.release();
        let next = reasons.last().map(|last| CopyPosition::Reasons(last.id));
        Ok(CopyPage { events: Vec::new(), reasons, next })
    }
}
