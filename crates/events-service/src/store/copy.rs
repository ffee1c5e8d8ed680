//! Reads what a user wrote and did, for a copy.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{Event, EventStatus, HistoryAction, Identity};
use uuid::Uuid;

use super::{
    Store,
    event::{EventRow, with_event_columns},
};
use crate::copy::{CopyPage, CopyPosition, HistoryEntry};

/// The number of events or entries of a page. Events of this number fit into a gRPC message, which has at most 4 MiB.
const PAGE_SIZE: i64 = 100;

macro_rules! owned_events {
    ($columns:literal $caller:expr, $after:expr) => {
        sqlx::query_as!(
            EventRow,
            "select "
                + $columns
                + r#" from "Event"
            where "createdById" = $1 and "organizationId" = $2 and id > $3 order by id limit $4"#,
            $caller.user_id,
            $caller.organization_id,
            $after,
            PAGE_SIZE,
        )
    };
}

impl Store {
    /// Reads events of the caller, in the order of their IDs, which do not change while the caller reads the copy.
    pub(crate) async fn copy_events(&self, caller: &Identity, after: Uuid) -> Result<CopyPage, ServiceError> {
        let mut lease = self.acquire(caller.organization_id).await?;
        let rows = with_event_columns!(owned_events! caller, after)
            .fetch_all(&mut *lease)
            .instrumented("SELECT own events")
            .await
            .map_err(db_error)?;
        lease.release();
        let events: Vec<_> = rows.into_iter().map(Event::from).collect();
        let next = events.last().map_or(CopyPosition::History(0), |last| CopyPosition::Events(last.id));
        Ok(CopyPage { events, history: Vec::new(), next: Some(next) })
    }

    /// Reads what the caller did to events, in the order in which it was done.
    pub(crate) async fn copy_history(&self, caller: &Identity, after: i64) -> Result<CopyPage, ServiceError> {
        let mut lease = self.acquire(caller.organization_id).await?;
        let rows = sqlx::query!(
            r#"
            select id, "eventId" as event_id, action as "action: AsText<HistoryAction>", reason, at from "EventHistory"
            where "actorId" = $1 and id > $2 and "organizationId" = $3
            order by id limit $4
            "#,
            caller.user_id,
            after,
            caller.organization_id,
            PAGE_SIZE,
        )
        .fetch_all(&mut *lease)
        .instrumented("SELECT own history")
        .await
        .map_err(db_error)?;
        lease.release();
        let history: Vec<_> = rows
            .into_iter()
            .map(|row| HistoryEntry {
                id: row.id,
                event_id: row.event_id,
                action: row.action.0,
                reason: row.reason,
                at: row.at,
            })
            .collect();
        let next = history.last().map(|last| CopyPosition::History(last.id));
        Ok(CopyPage { events: Vec::new(), history, next })
    }
}
