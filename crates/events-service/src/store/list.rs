//! Lists events.
//!
//! The cost of a page must not depend on the size of the organization or on what is searched for, so no statement reads
//! more than a fixed number of events. Many lists are a part of an index. The others are found in steps, each of which is
//! taken only when the one before did not find the page (docs/adr/0035-a-list-is-found-in-steps.md):
//!
//! 1. Look at the first events in the order of the list, and at more of them if that promises to find the page. It does if
//!    many events match.
//! 2. Find all events that match in the index of a filter, and sort them. This finds the page if there are few.
//! 3. Otherwise the matching events are too many to sort, but not so rare that it takes long to find the first ones in the
//!    order. Only if they are all at its end, the search is refused.

use std::time::Duration;

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    fairness::Client,
    server::Deadline,
};
use eventboard_db::{InstrumentStatement, db_error};
use eventboard_domain::Event;
use sqlx::{FromRow, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Store,
    event::EventRow,
    list_statement::{List, Plan, Source, Step, Visible},
    long_lists::COUNT_LIMIT,
    search_budget::Search,
    shown_length::{ShownLength, Total},
};
use crate::listing::{ListCriteria, Page, PageStart, RowPosition};

/// How many events are looked at first.
const LOOK_ROWS: u32 = 1024;

/// How many events are looked at if the first ones promise that the page is among them.
const FURTHER_ROWS: u32 = 20_000;

/// How many events with a text, or of one owner, are read and sorted. In ten million events, the first page of a text that
/// more of them contain is among some 20,000 events, so the two ways cost about the same at worst.
const MAX_SORTED: u32 = 10_000;

/// The same for events within dates. They are read faster, because events of the same time are near each other.
const MAX_SORTED_BY_DATE: u32 = 200_000;

/// How many events are looked at when nothing else has found the page.
const MAX_SCANNED: u32 = 200_000;

/// The same without a text.
const MAX_SCANNED_WITHOUT_TEXT: u32 = 1_000_000;

/// How long sorting may take in a search. Events that an index finds but that do not contain the text are not counted, so
/// their number does not limit the time. Afterwards, there is time left for a scan.
const SORT_TIMEOUT: Duration = Duration::from_millis(400);

/// Settings for a statement that reads a GIN index. PostgreSQL reads it with a bitmap scan. If the bitmap does not fit in
/// this memory, it has pages instead of events, and all events on a page are compared.
const GIN_SETTINGS: &str = "set local enable_bitmapscan = on; set local work_mem = '32MB'";

/// Setting for a statement that a pooler makes a named one. Otherwise, PostgreSQL would at some time plan it for any
/// values.
const POOLER_SETTINGS: &str = "set local plan_cache_mode = force_custom_plan";

/// An event of a page, and its sort key as in a cursor.
#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    event: EventRow,
    sort_key: String,
}

/// When the statements of a list must end.
#[derive(Clone, Copy)]
enum TimeLimit<'s> {
    /// When the caller stops waiting. For statements that always end soon.
    Caller(Deadline),
    /// At this time, at the latest when the time of the search is over.
    Search(&'s Search, Deadline),
}

/// The kind of index that a statement reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IndexKind {
    /// The rows come one by one, until there are enough of them.
    BTree,
    /// PostgreSQL reads such an index only with a bitmap scan. The other statements must not use one, because it collects
    /// all rows before it returns the first one.
    Gin,
}

impl Source<'_> {
    fn max_sorted(self, list: &List<'_>) -> u32 {
        match self {
            Self::StartDate if list.search.is_none() => MAX_SORTED_BY_DATE,
            Self::Text(_) | Self::Owner(_) | Self::StartDate => MAX_SORTED,
        }
    }

    fn index_kind(self) -> IndexKind {
        match self {
            Self::Text(_) => IndexKind::Gin,
            Self::StartDate | Self::Owner(_) => IndexKind::BTree,
        }
    }
}

/// What a step found.
struct Found {
    /// One more than the page has, if there is a next page.
    rows: Vec<ListedRow>,
    /// The length of the list. `None` if it must be counted.
    total: Option<Total>,
}

/// The outcome of a step.
enum Outcome {
    Found(Found),
    /// The page was not found. At least this many events of the list match.
    NotFound(u64),
}

impl Store {
    /// Returns one page of the list and the total.
    ///
    /// # Errors
    /// `Overloaded` when too many searches are in progress, or when the page cannot be found within the budget of a
    /// search.
    pub(crate) async fn list(
        &self,
        criteria: &ListCriteria,
        start: &PageStart,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Page<RowPosition>, ServiceError> {
        let list = List::new(criteria, start, limit);
        let time = TimeLimit::Caller(deadline);
        let Found { rows, total } = match list.plan() {
            Plan::Walk => self.walk(&list, time).await?,
            Plan::Steps(steps) if list.is_search() => {
                let search = self.begin_search(&list, deadline).await?;
                let found = self.search(&list, &steps, &search).await;
                found.map_err(|error| search.explain(error))?
            }
            Plan::Steps(steps) => match self.take_steps(&list, &steps, time).await? {
                Outcome::Found(found) => found,
                Outcome::NotFound(matched) => {
                    let search = self.begin_search(&list, deadline).await?;
                    self.scan(&list, matched, &search).await.map_err(|error| search.explain(error))?
                }
            },
        };
        self.page(&list, rows, total, time).await
    }

    async fn begin_search(&self, list: &List<'_>, deadline: Deadline) -> Result<Search, ServiceError> {
        let client = Client::Organization(list.criteria.organization_id);
        self.search_budget.begin(client, deadline).await
    }

    async fn search(
        &self,
        list: &List<'_>,
        steps: &[Step<'_>],
        search: &Search,
    ) -> Result<Found, ServiceError> {
        match self.take_steps(list, steps, TimeLimit::Search(search, search.deadline)).await? {
            Outcome::Found(found) => Ok(found),
            Outcome::NotFound(matched) => self.scan(list, matched, search).await,
        }
    }

    /// Takes the steps until one finds the page.
    async fn take_steps(
        &self,
        list: &List<'_>,
        steps: &[Step<'_>],
        time: TimeLimit<'_>,
    ) -> Result<Outcome, ServiceError> {
        let mut highest = 0;
        for step in steps {
            let outcome = match step {
                Step::Look => self.look(list, time).await?,
                Step::Sort(source) => match time {
                    TimeLimit::Caller(_) => self.sort(list, *source, time).await?,
                    TimeLimit::Search(search, _) => self.sort_within_time(list, *source, search).await?,
                },
            };
            match outcome {
                Outcome::Found(_) => return Ok(outcome),
                Outcome::NotFound(matched) => highest = highest.max(matched),
            }
        }
        Ok(Outcome::NotFound(highest))
    }

    /// Reads the page from the index that has the order of the list and serves its conditions.
    async fn walk(&self, list: &List<'_>, time: TimeLimit<'_>) -> Result<Found, ServiceError> {
        let known = self.long_lists.get(list.criteria);
        let rows = self
            .fetch(list, list.walk_statement(known.is_none()), "LIST Event", IndexKind::BTree, time)
            .await?;
        let total = match (known, rows.first()) {
            (Some(at_least), _) => Some(Total::AtLeast(at_least)),
            (None, Some(first)) => Some(Total::Exactly(count(first, "counted")?)),
            (None, None) => None,
        };
        Ok(Found { rows: listed(&rows)?, total })
    }

    /// Looks for the page among the first events, and among more of them if so many match that it should be there.
    async fn look(&self, list: &List<'_>, time: TimeLimit<'_>) -> Result<Outcome, ServiceError> {
        let found =
            self.fetch(list, list.look_statement(LOOK_ROWS), "LOOK Event", IndexKind::BTree, time).await?;
        let looked = Looked::of(&found)?;
        let mut listed = listed(&found)?;
        if listed.len() <= list.limit as usize && !looked.is_whole_list {
            let further = list.affordable(FURTHER_ROWS);
            // Twice as many as on average, because the matching events are not spread evenly.
            if looked
                .expected_rows_with(list.last_wanted())
                .is_none_or(|expected| 2 * expected > u64::from(further))
            {
                return Ok(Outcome::NotFound(looked.matched));
            }
            listed = self.scan_rows(list, further, time).await?;
            if listed.len() <= list.limit as usize {
                return Ok(Outcome::NotFound(looked.matched));
            }
        }
        let total = match list.start {
            PageStart::Offset(_) => looked.total(),
            // The list does not begin where the page does.
            PageStart::After(_) => {
                let statement = list.look_count_statement(LOOK_ROWS);
                let first = self.fetch(list, statement, "COUNT Event", IndexKind::BTree, time).await?;
                Looked::of(&first)?.total()
            }
        };
        Ok(Outcome::Found(Found { rows: listed, total: Some(total) }))
    }

    /// Like [`Store::sort`], but a source that takes too long has too many events.
    async fn sort_within_time(
        &self,
        list: &List<'_>,
        source: Source<'_>,
        search: &Search,
    ) -> Result<Outcome, ServiceError> {
        let left = search.deadline.remaining();
        let is_shorter = left > SORT_TIMEOUT;
        let deadline = if is_shorter { Deadline::after(SORT_TIMEOUT) } else { search.deadline };
        match self.sort(list, source, TimeLimit::Search(search, deadline)).await {
            Err(error) if is_shorter && error.code() == ErrorCode::DeadlineExceeded => {
                Ok(Outcome::NotFound(0))
            }
            outcome => outcome,
        }
    }

    /// Sorts all events of the source that match, if the source does not have too many events.
    async fn sort(
        &self,
        list: &List<'_>,
        source: Source<'_>,
        time: TimeLimit<'_>,
    ) -> Result<Outcome, ServiceError> {
        let known = match list.visible() {
            Visible::OwnAndApproved(_) => self.long_lists.get(list.criteria),
            Visible::All | Visible::Own(_) => None,
        };
        let rows = list.affordable(source.max_sorted(list));
        let statement = list.sort_statement(source, rows + 1, known.is_none());
        let found = self.fetch(list, statement, "SORT Event", source.index_kind(), time).await?;
        let Some(first) = found.first() else { return Ok(Outcome::NotFound(0)) };
        let matched = count(first, "matched")?;
        let approved: Option<i64> = first.try_get("approved").map_err(db_error)?;
        if count(first, "read")? > u64::from(rows) {
            let approved = approved.map(i64::unsigned_abs).or(known).unwrap_or_default();
            return Ok(Outcome::NotFound(matched + approved));
        }
        let total = match (approved, source, known) {
            (Some(approved), ..) => Total::Exactly(matched + approved.unsigned_abs()),
            (None, Source::Owner(_), Some(at_least)) => Total::AtLeast(at_least),
            (None, ..) => Total::Exactly(matched),
        };
        Ok(Outcome::Found(Found { rows: listed(&found)?, total: Some(total) }))
    }

    /// Looks for the page when no step has found it. At least `matched` events of the list match.
    ///
    /// # Errors
    /// `Overloaded` if it is not there.
    async fn scan(&self, list: &List<'_>, matched: u64, search: &Search) -> Result<Found, ServiceError> {
        let time = TimeLimit::Search(search, search.deadline);
        let rows = match &list.search {
            Some(text) => text.affordable(MAX_SCANNED),
            None => MAX_SCANNED_WITHOUT_TEXT,
        };
        let listed = self.scan_rows(list, rows, time).await?;
        if listed.len() <= list.limit as usize {
            let exceeds = list.exceeds_statement(rows);
            let exceeds = self.fetch(list, exceeds, "COUNT Event", IndexKind::BTree, time).await?;
            if exceeds.first().map(|row| row.try_get(0)).transpose().map_err(db_error)? == Some(true) {
                return Err(search.refuse_rows());
            }
        }
        Ok(Found { rows: listed, total: Some(Total::AtLeast(matched)) })
    }

    async fn scan_rows(
        &self,
        list: &List<'_>,
        rows: u32,
        time: TimeLimit<'_>,
    ) -> Result<Vec<ListedRow>, ServiceError> {
        let statement = list.scan_statement(rows);
        listed(&self.fetch(list, statement, "SCAN Event", IndexKind::BTree, time).await?)
    }

    /// Counts a list whose page does not show its length. Not for searches, which count within their budget.
    async fn count(&self, list: &List<'_>, time: TimeLimit<'_>) -> Result<Total, ServiceError> {
        let steps = match list.plan() {
            Plan::Walk => {
                let statement = list.count_statement();
                let rows = self.fetch(list, statement, "COUNT Event", IndexKind::BTree, time).await?;
                return rows
                    .first()
                    .map_or(Ok(Total::Exactly(0)), |row| count(row, "count").map(Total::Exactly));
            }
            Plan::Steps(steps) => steps,
        };
        self.long_lists.remove(list.criteria);
        Ok(match self.take_steps(list, &steps, time).await? {
            Outcome::Found(Found { rows: _, total: Some(total) }) => total,
            Outcome::Found(Found { rows, total: None }) => Total::AtLeast(rows.len() as u64),
            Outcome::NotFound(matched) => Total::AtLeast(matched),
        })
    }

    /// Builds the page, and remembers whether the list is long.
    async fn page(
        &self,
        list: &List<'_>,
        mut rows: Vec<ListedRow>,
        total: Option<Total>,
        time: TimeLimit<'_>,
    ) -> Result<Page<RowPosition>, ServiceError> {
        let has_next = rows.len() > list.limit as usize;
        rows.truncate(list.limit as usize);
        let shown = ShownLength::new(list.start, rows.len() as u64, has_next);
        let total = match (total, shown.exact()) {
            (_, Some(exact)) => Total::Exactly(exact),
            (Some(exact @ Total::Exactly(_)), None) => exact,
            // A total that was remembered may be outdated when the list ends. Those of searches are not remembered.
            (Some(at_least @ Total::AtLeast(_)), None) if has_next || list.is_search() => at_least,
            (Some(Total::AtLeast(_)) | None, None) => self.count(list, time).await?,
        };
        let total = shown.correct(total);
        self.remember(list.criteria, total);
        let next = rows.last().filter(|_| has_next);
        Ok(Page {
            next: next.map(|row| RowPosition { sort_key: row.sort_key.clone(), id: row.event.id }),
            events: rows.into_iter().map(|row| Event::from(row.event)).collect(),
            total: total.reported(),
            total_is_exact: total.is_exact(),
        })
    }

    /// Remembers what a page has shown about the length of a list.
    fn remember(&self, criteria: &ListCriteria, total: Total) {
        let known = self.long_lists.get(criteria);
        match (total, known) {
            (Total::Exactly(length) | Total::AtLeast(length), None) if length >= u64::from(COUNT_LIMIT) => {
                self.long_lists.insert(criteria, length);
            }
            (Total::Exactly(length), Some(at_least)) if length < at_least => self.long_lists.remove(criteria),
            // Not inserted again, so that the list is counted at least once a minute.
            (Total::Exactly(_) | Total::AtLeast(_), _) => {}
        }
    }

    async fn fetch(
        &self,
        list: &List<'_>,
        mut statement: QueryBuilder<Postgres>,
        summary: &'static str,
        index: IndexKind,
        time: TimeLimit<'_>,
    ) -> Result<Vec<PgRow>, ServiceError> {
        // Not persistent, so that PostgreSQL plans the statement for its values. A pooler supports only named statements,
        // and those are persistent.
        let is_behind_pooler = self.database.is_behind_pooler();
        let mut lease = self.acquire(list.criteria.organization_id).await?;
        let deadline = match time {
            TimeLimit::Caller(_) if !is_behind_pooler => {
                let statement = statement.build().persistent(false);
                let rows = statement.fetch_all(&mut *lease).instrumented(summary).await.map_err(db_error)?;
                lease.release();
                return Ok(rows);
            }
            TimeLimit::Caller(deadline) => deadline,
            TimeLimit::Search(search, deadline) => {
                lease.keep(search.permit());
                deadline
            }
        };
        let mut transaction = lease.begin(deadline).await?;
        let settings = [(index == IndexKind::Gin, GIN_SETTINGS), (is_behind_pooler, POOLER_SETTINGS)];
        for (_, settings) in settings.into_iter().filter(|(applies, _)| *applies) {
            let set = sqlx::raw_sql(settings).execute(&mut *transaction);
            set.instrumented("SET").await.map_err(db_error)?;
        }
        let statement = statement.build().persistent(is_behind_pooler);
        let rows = statement.fetch_all(&mut *transaction).instrumented(summary).await.map_err(db_error)?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(rows)
    }
}

/// What a look has seen.
struct Looked {
    events: u64,
    matched: u64,
    /// Whether the list has no other events.
    is_whole_list: bool,
}

impl Looked {
    /// About how many events have to be looked at to find this many that match. `None` if none was found so far.
    fn expected_rows_with(&self, matches: u64) -> Option<u64> {
        (self.events * matches).checked_div(self.matched)
    }

    fn of(rows: &[PgRow]) -> Result<Self, ServiceError> {
        let Some(row) = rows.first() else { return Ok(Self { events: 0, matched: 0, is_whole_list: true }) };
        Ok(Self {
            events: count(row, "looked")?,
            matched: count(row, "matched")?,
            is_whole_list: row.try_get("is_whole_list").map_err(db_error)?,
        })
    }

    /// The length of the list.
    fn total(&self) -> Total {
        match self.is_whole_list {
            true => Total::Exactly(self.matched),
            false => Total::AtLeast(self.matched),
        }
    }
}

fn count(row: &PgRow, column: &str) -> Result<u64, ServiceError> {
    row.try_get::<i64, _>(column).map(i64::unsigned_abs).map_err(db_error)
}

/// The events in the rows. A row with only counts has no event.
fn listed(rows: &[PgRow]) -> Result<Vec<ListedRow>, ServiceError> {
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        if row.try_get::<Option<Uuid>, _>("id").map_err(db_error)?.is_some() {
            listed.push(ListedRow::from_row(row).map_err(db_error)?);
        }
    }
    Ok(listed)
}
