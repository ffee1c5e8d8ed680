//! Reads the events that wait for approval. An index has them in this order, so each statement reads only the part of it that it
//! returns or counts. A search may read more, within the budget of searches.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use eventboard_chassis::{error::ServiceError, fairness::Client, server::Deadline};
use eventboard_db::{InstrumentStatement, db_error};
use eventboard_domain::Event;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Store,
    event::{EventRow, with_event_columns},
    search_text::SearchText,
};
use crate::{
    listing::RowPosition,
    queue::{MAX_EXACT_WAITING, QueuePage, QueueQuery, QueueSummary},
};

/// The parameters are $1 organization, $2 and $3 position, $4 pattern of a search, and $5 number of events.
macro_rules! waiting_events {
    ($columns:literal) => {
        concat!(
            "select ",
            $columns,
            r#" from "Event"
            where "organizationId" = $1 and status = 'SUBMITTED'
                and ("submittedAt", id) > ($2::text::timestamptz, $3::uuid)
                and ($4::text is null or "searchText" like $4) is true
            order by "submittedAt", id limit $5"#
        )
    };
}

pub(super) const WAITING_EVENTS: &str = with_event_columns!(waiting_events!);

/// The parameters are $1 organization, $2 and $3 the week, and $4 number of events that are counted.
pub(super) const COUNT_WAITING: &str = r#"
    select count(*), min("submittedAt"), count(*) filter (where "startDate" > $2 and "startDate" <= $3)
    from (
        select "submittedAt", "startDate" from "Event" where "organizationId" = $1 and status = 'SUBMITTED'
        order by "submittedAt", id limit $4
    ) waiting"#;

impl Store {
    /// Reads a page.
    ///
    /// # Errors
    /// `Overloaded` when too many searches are in progress, or when the page cannot be found within the time of a search.
    pub(crate) async fn queue(
        &self,
        query: &QueueQuery,
        after: Option<RowPosition>,
        deadline: Deadline,
    ) -> Result<QueuePage<RowPosition>, ServiceError> {
        let after =
            after.unwrap_or_else(|| RowPosition { sort_key: "-infinity".to_owned(), id: Uuid::nil() });
        let events = match query.search.as_deref().map(SearchText::new) {
            None => {
                let mut lease = self.acquire(query.organization_id).await?;
                let events = fetch(&mut lease, query, &after, None).await?;
                lease.release();
                events
            }
            Some(text) => self.search_queue(query, &after, &text.pattern, deadline).await?,
        };
        Ok(page(events, query.limit))
    }

    async fn search_queue(
        &self,
        query: &QueueQuery,
        after: &RowPosition,
        pattern: &str,
        deadline: Deadline,
    ) -> Result<Vec<Event>, ServiceError> {
        let search = self.search_budget.begin(Client::Organization(query.organization_id), deadline).await?;
        let found = async {
            let mut lease = self.acquire(query.organization_id).await?;
            lease.keep(search.permit());
            let mut transaction = lease.begin(search.deadline).await?;
            let events = fetch(&mut transaction, query, after, Some(pattern)).await?;
            transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
            lease.release();
            Ok(events)
        };
        found.await.map_err(|error| search.explain(error))
    }

    /// Counts the waiting events, without reading a row of the table.
    pub(crate) async fn queue_summary(
        &self,
        organization_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<QueueSummary, ServiceError> {
        let mut lease = self.acquire(organization_id).await?;
        let counted: (i64, Option<DateTime<Utc>>, i64) = sqlx::query_as(COUNT_WAITING)
            .bind(organization_id)
            .bind(now)
            .bind(now + TimeDelta::weeks(1))
            .bind(i64::from(MAX_EXACT_WAITING) + 1)
            .fetch_one(&mut *lease)
            .instrumented("COUNT waiting events")
            .await
            .map_err(db_error)?;
        lease.release();
        let (waiting, oldest_submitted_at, starting_within_week) = counted;
        let at_most_exact = |count: i64| u32::try_from(count).unwrap_or(u32::MAX).min(MAX_EXACT_WAITING);
        Ok(QueueSummary {
            waiting: at_most_exact(waiting),
            is_exact: waiting <= i64::from(MAX_EXACT_WAITING),
            oldest_submitted_at,
            starting_within_week: at_most_exact(starting_within_week),
        })
    }
}

/// Reads one event more than the page has, which shows whether there is a next page.
async fn fetch(
    connection: &mut PgConnection,
    query: &QueueQuery,
    after: &RowPosition,
    pattern: Option<&str>,
) -> Result<Vec<Event>, ServiceError> {
    let rows: Vec<EventRow> = sqlx::query_as(WAITING_EVENTS)
        .bind(query.organization_id)
        .bind(&after.sort_key)
        .bind(after.id)
        .bind(pattern)
        .bind(i64::from(query.limit) + 1)
        .fetch_all(connection)
        .instrumented("LIST waiting events")
        .await
        .map_err(db_error)?;
    Ok(rows.into_iter().map(Event::from).collect())
}

fn page(mut events: Vec<Event>, limit: u32) -> QueuePage<RowPosition> {
    let has_next = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next = events.last().filter(|_| has_next).and_then(|last| {
        let sort_key = last.submitted_at?.to_rfc3339_opts(SecondsFormat::Millis, true);
        Some(RowPosition { sort_key, id: last.id })
    });
    QueuePage { events, next }
}
