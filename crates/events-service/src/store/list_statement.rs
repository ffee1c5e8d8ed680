//! The statements of a list.
//!
//! They are built from constant parts, because PostgreSQL uses an index for sorting only when the statement contains the
//! sort expression, and there are too many combinations of sort key, direction and filters for separate statements.
//! Values are always bound.
//!
//! Each statement can read only the index that it is meant to read, and only a part of it, whatever the statistics of PostgreSQL say (the test
//! `every_statement_reads_its_index`). Three means are used, besides the settings of the session (`PLANNER_SETTINGS` in
//! eventboard-db):
//!
//! - A list of one status is ordered by the status too, and the status is compared as a range. Then only an index that
//!   contains the status has this order.
//! - A condition that no index may serve is written `(…) is true`.
//! - The organization is an array in the two indexes for searches, of a type of its own in each, so no other index can
//!   serve that condition.

use chrono::{DateTime, Utc};
use eventboard_db::AsText;
use eventboard_domain::{EventStatus, SortBy, Visibility};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    event::with_event_columns,
    long_lists::COUNT_LIMIT,
    search_text::{SearchIndex, SearchText},
};
use crate::listing::{ListCriteria, PageStart, RowPosition};

macro_rules! literal {
    ($columns:literal) => {
        $columns
    };
}

const COLUMNS: &str = with_event_columns!(literal!);

/// How many bytes of text are compared in a look. A text that repeats itself reads each of them as many times. This takes
/// about 10 ms.
const LOOK_COMPARED_BYTES: i64 = 4 * 1024 * 1024;

/// A list, the page of it that is wanted, and the ways to find it.
#[derive(Debug)]
pub(super) struct List<'c> {
    pub criteria: &'c ListCriteria,
    pub start: &'c PageStart,
    pub limit: u32,
    /// The text of `criteria`, as events store theirs.
    pub search: Option<SearchText>,
}

/// The events of the organization that the caller may see in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visible {
    /// All with the status of the list, if it has one.
    All,
    /// Only those of this user: all of them, or those with the status of the list.
    Own(Uuid),
    /// Those of this user, and all that are APPROVED. The list has no status.
    OwnAndApproved(Uuid),
}

/// An index that finds the events of a list, but not in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source<'l> {
    /// The indexes for this text.
    Text(&'l SearchText),
    /// The index on the start, within the organization and the status.
    StartDate,
    /// The index on the owner. If the list has no status, only events that are not APPROVED match.
    Owner(Uuid),
}

/// How a list is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan<'l> {
    /// An index has the order of the list and serves all its conditions.
    Walk,
    /// By these steps, until one finds the page, and then by a scan.
    Steps(Vec<Step<'l>>),
}

/// A way to find a page that does not always succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'l> {
    /// Look at the first events in the order. Succeeds if many of the events match.
    Look,
    /// Sort all events that match. Succeeds if the source has few events.
    Sort(Source<'l>),
}

impl<'c> List<'c> {
    pub(super) fn new(criteria: &'c ListCriteria, start: &'c PageStart, limit: u32) -> Self {
        let search = criteria.search.as_deref().map(SearchText::new);
        Self { criteria, start, limit, search }
    }

    pub(super) fn plan(&self) -> Plan<'_> {
        let owner = match self.visible() {
            Visible::All => None,
            Visible::Own(user) => Some(user),
            // With other filters, the approved events have to be found by them.
            Visible::OwnAndApproved(user) => (!self.is_search()).then_some(user),
        };
        let mut steps: Vec<_> = owner.map(|user| Step::Sort(Source::Owner(user))).into_iter().collect();
        if !self.is_search() {
            return if steps.is_empty() { Plan::Walk } else { Plan::Steps(steps) };
        }
        steps.push(Step::Look);
        if self.has_dates_in_another_order() {
            steps.push(Step::Sort(Source::StartDate));
        }
        if let Some(text) = self.search.as_ref().filter(|text| text.is_in_an_index()) {
            steps.push(Step::Sort(Source::Text(text)));
        }
        Plan::Steps(steps)
    }

    /// Whether the list has a filter that an index with its order does not serve. Finding a page then costs more. The owner is
    /// none of them, because few events have one owner.
    pub(super) fn is_search(&self) -> bool {
        self.search.is_some() || self.criteria.end_date_from.is_some() || self.has_dates_in_another_order()
    }

    fn has_dates_in_another_order(&self) -> bool {
        self.has_dates() && self.criteria.sort_by != SortBy::StartDate
    }

    /// The rule of the domain type `Visibility` for this list. [`Visible`] is the only form in which the statements
    /// contain it.
    pub(super) fn visible(&self) -> Visible {
        if let Some(owner) = self.criteria.owner {
            return Visible::Own(owner);
        }
        match (self.criteria.visibility, self.criteria.status) {
            (Visibility::Everything, _) | (Visibility::OwnAndApproved(_), Some(EventStatus::Approved)) => {
                Visible::All
            }
            (Visibility::OwnAndApproved(user), Some(_)) => Visible::Own(user),
            (Visibility::OwnAndApproved(user), None) => Visible::OwnAndApproved(user),
        }
    }

    fn has_dates(&self) -> bool {
        self.criteria.start_date_from.is_some() || self.criteria.start_date_to.is_some()
    }

    fn offset(&self) -> i64 {
        match self.start {
            PageStart::Offset(offset) => i64::try_from(*offset).unwrap_or(i64::MAX),
            PageStart::After(_) => 0,
        }
    }

    /// The number of events that the page needs, with those before it since the start.
    pub(super) fn last_wanted(&self) -> u64 {
        self.fetched_rows().saturating_add(self.offset()).unsigned_abs()
    }

    /// The number of events whose texts are compared in the same time as those of `rows` events usually are.
    pub(super) fn affordable(&self, rows: u32) -> u32 {
        self.search.as_ref().map_or(rows, |text| text.affordable(rows))
    }

    fn after(&self) -> Option<&RowPosition> {
        match self.start {
            PageStart::Offset(_) => None,
            PageStart::After(position) => Some(position),
        }
    }

    /// One row more than a page shows whether there is a next page.
    fn fetched_rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Selects the page in the order of an index, and with `counts` how many events the list has, at most
    /// [`COUNT_LIMIT`].
    pub(super) fn walk_statement(&self, counts: bool) -> QueryBuilder<Postgres> {
        let mut sql =
            QueryBuilder::new(format!("select {COLUMNS}, {}::text as sort_key, (", self.sort_key()));
        match counts {
            true => self.push_count(&mut sql, self.criteria.status),
            false => _ = sql.push("null::bigint"),
        }
        sql.push(") as counted");
        self.push_walk(&mut sql, self.criteria.status, self.after());
        self.push_order(&mut sql, self.criteria.status);
        self.push_page(&mut sql);
        sql
    }

    /// Counts the events of a list that one index serves, at most [`COUNT_LIMIT`].
    pub(super) fn count_statement(&self) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("");
        self.push_count(&mut sql, self.criteria.status);
        sql
    }

    /// Looks at `rows` events in the order of the list, but compares a text with at most [`LOOK_COMPARED_BYTES`], and
    /// selects the page of those that match. The columns `looked` and `matched` say how many there are, and
    /// `is_whole_list` whether the list has no other events.
    pub(super) fn look_statement(&self, rows: u32) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("with looked as materialized (");
        self.push_look(&mut sql, rows, self.after());
        sql.push("), page as (select event_id, sort_key from looked where matches");
        self.push_page_order(&mut sql);
        self.push_page(&mut sql);
        sql.push(format!(
            ") select {COLUMNS}, page.sort_key::text as sort_key, looked, matched, is_whole_list from (
                select {} from looked
            ) counts",
            look_counts(rows)
        ));
        self.push_join_events(&mut sql);
        sql
    }

    /// Looks at the first `rows` events of the list, and counts those that match. The columns are those of
    /// [`List::look_statement`].
    pub(super) fn look_count_statement(&self, rows: u32) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new(format!("select {} from (", look_counts(rows)));
        self.push_look(&mut sql, rows, None);
        sql.push(") looked");
        sql
    }

    /// Reads the events of the source, but stops after `rows`, and selects the page of those that match. For the caller's
    /// own events, selects it of them and the approved ones. The columns `read`, `matched` and `approved` count these, the
    /// last one at most [`COUNT_LIMIT`] and only with `counts`.
    pub(super) fn sort_statement(
        &self,
        source: Source<'_>,
        rows: u32,
        counts: bool,
    ) -> QueryBuilder<Postgres> {
        let approved = matches!((source, self.visible()), (Source::Owner(_), Visible::OwnAndApproved(_)));
        let key = self.sort_key();
        let mut sql = QueryBuilder::new(format!(
            "with source as materialized (select id as event_id, {key} as sort_key, (true"
        ));
        self.push_sort_conditions(&mut sql, source);
        sql.push(r#") is true as matches from "Event" where "#);
        self.push_source(&mut sql, source);
        sql.push(" limit ").push_bind(i64::from(rows));
        if approved {
            sql.push(format!("), approved as (select id as event_id, {key} as sort_key"));
            self.push_walk(&mut sql, Some(EventStatus::Approved), self.after());
            self.push_order(&mut sql, Some(EventStatus::Approved));
            sql.push(" limit ").push_bind(self.fetched_rows().saturating_add(self.offset()));
        }
        sql.push("), page as (select * from (select event_id, sort_key from source where matches");
        self.push_source_after(&mut sql);
        if approved {
            sql.push(" union all select * from approved");
        }
        sql.push(") listed");
        self.push_page_order(&mut sql);
        self.push_page(&mut sql);
        sql.push(format!(
            ") select {COLUMNS}, page.sort_key::text as sort_key, read, matched, approved from (
                select count(*) as read, count(*) filter (where matches) as matched, ("
        ));
        match approved && counts {
            true => self.push_count(&mut sql, Some(EventStatus::Approved)),
            false => _ = sql.push("null::bigint"),
        }
        sql.push(") as approved from source) counts");
        self.push_join_events(&mut sql);
        sql
    }

    /// Looks at up to `rows` events in the order of the list, until it has the page.
    pub(super) fn scan_statement(&self, rows: u32) -> QueryBuilder<Postgres> {
        let key = self.sort_key();
        let mut sql = QueryBuilder::new(format!("select {COLUMNS}, {key}::text as sort_key from (select *"));
        self.push_walk(&mut sql, self.criteria.status, self.after());
        self.push_order(&mut sql, self.criteria.status);
        sql.push(" limit ").push_bind(i64::from(rows));
        sql.push(r#") "Event" where true"#);
        self.push_look_conditions(&mut sql);
        self.push_order(&mut sql, self.criteria.status);
        self.push_page(&mut sql);
        sql
    }

    /// Selects whether there are more than `rows` events to look at from the start of the page.
    pub(super) fn exceeds_statement(&self, rows: u32) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("select exists(select");
        self.push_walk(&mut sql, self.criteria.status, self.after());
        self.push_order(&mut sql, self.criteria.status);
        sql.push(" limit 1 offset ").push_bind(i64::from(rows)).push(")");
        sql
    }

    /// The expression in the index.
    fn sort_key(&self) -> &'static str {
        sort_key(self.criteria.sort_by)
    }

    /// The type of [`List::sort_key`], to which the value in a cursor is cast.
    fn sort_type(&self) -> &'static str {
        match self.criteria.sort_by {
            SortBy::StartDate | SortBy::CreatedAt => "timestamptz",
            SortBy::Title => "text",
            SortBy::Status => r#""EventStatus""#,
        }
    }

    fn direction(&self) -> &'static str {
        if self.criteria.descending { "desc" } else { "asc" }
    }

    fn comparison(&self) -> &'static str {
        if self.criteria.descending { "<" } else { ">" }
    }

    /// Adds `from` and `where`: the events with this status, or all of the organization, that follow a position.
    fn push_walk(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        status: Option<EventStatus>,
        after: Option<&RowPosition>,
    ) {
        sql.push(r#" from "Event" where "#);
        self.push_organization(sql, status);
        if self.criteria.sort_by == SortBy::StartDate {
            self.push_dates(sql);
        }
        let Some(RowPosition { sort_key, id }) = after else { return };
        let is_sorted_by_status = self.criteria.sort_by == SortBy::Status;
        let prefix = status.filter(|_| !is_sorted_by_status);
        sql.push(" and (");
        if prefix.is_some() {
            sql.push(r#""Event".status, "#);
        }
        sql.push(format!("{}, id) {} (", self.sort_key(), self.comparison()));
        if let Some(status) = prefix {
            push_status(sql, "", status);
            sql.push(", ");
        }
        sql.push_bind(sort_key.clone()).push(format!("::{}, ", self.sort_type()));
        sql.push_bind(*id).push(")");
    }

    /// Adds the conditions that choose the part of an index: the organization, and one status if the index has it.
    fn push_organization(&self, sql: &mut QueryBuilder<Postgres>, status: Option<EventStatus>) {
        sql.push(r#""organizationId" = "#).push_bind(self.criteria.organization_id);
        if let Some(status) = status {
            // A range instead of an equality: see the documentation of this module.
            push_status(sql, r#" and "Event".status >= "#, status);
            push_status(sql, r#" and "Event".status <= "#, status);
        }
    }

    /// Adds the order of the index that a walk reads.
    fn push_order(&self, sql: &mut QueryBuilder<Postgres>, status: Option<EventStatus>) {
        push_order(sql, self.criteria.sort_by, status, self.direction());
    }

    fn push_page_order(&self, sql: &mut QueryBuilder<Postgres>) {
        let direction = self.direction();
        sql.push(format!(" order by sort_key {direction}, event_id {direction}"));
    }

    fn push_page(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(" limit ").push_bind(self.fetched_rows());
        if self.offset() > 0 {
            sql.push(" offset ").push_bind(self.offset());
        }
    }

    /// Joins the counts with the events of the page. Without an event, there is one row with the counts.
    fn push_join_events(&self, sql: &mut QueryBuilder<Postgres>) {
        let direction = self.direction();
        sql.push(r#" left join (page join "Event" on id = event_id and ("organizationId" = "#)
            .push_bind(self.criteria.organization_id)
            .push(format!(") is true) on true order by page.sort_key {direction}, id {direction}"));
    }

    /// Counts the events of one index, at most [`COUNT_LIMIT`].
    fn push_count(&self, sql: &mut QueryBuilder<Postgres>, status: Option<EventStatus>) {
        sql.push("select count(*) from (select");
        self.push_walk(sql, status, None);
        self.push_order(sql, status);
        sql.push(" limit ").push_bind(i64::from(COUNT_LIMIT)).push(") counted");
    }

    /// Selects the first events after a position, and whether each of them matches: null if the text was not compared.
    fn push_look(&self, sql: &mut QueryBuilder<Postgres>, rows: u32, after: Option<&RowPosition>) {
        // The length of a stored text is known without reading it.
        let (bytes, repetition) = match &self.search {
            Some(text) => {
                (r#"sum(octet_length("searchText")) over (rows unbounded preceding)"#, text.repetition)
            }
            None => ("0", 1),
        };
        sql.push("select id as event_id, sort_key, case when bytes <= ");
        sql.push_bind(LOOK_COMPARED_BYTES / i64::from(repetition)).push(" then (true");
        self.push_look_conditions(sql);
        sql.push(format!(
            r#") is true end as matches from (
                select *, {bytes} as bytes from (
                    select id, {} as sort_key, "Event".status, "createdById", "startDate", "endDate", "searchText""#,
            self.sort_key()
        ));
        self.push_walk(sql, self.criteria.status, after);
        self.push_order(sql, self.criteria.status);
        sql.push(" limit ").push_bind(i64::from(rows)).push(r#") first) "Event""#);
    }

    /// Adds the conditions of the list that a walk does not contain.
    fn push_look_conditions(&self, sql: &mut QueryBuilder<Postgres>) {
        push_visible(sql, self.visible());
        if self.criteria.sort_by != SortBy::StartDate {
            self.push_dates(sql);
        }
        self.push_end(sql);
        self.push_pattern(sql);
    }

    fn push_pattern(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(SearchText { pattern, index: _, repetition: _ }) = &self.search {
            sql.push(r#" and "searchText" like "#).push_bind(pattern.clone());
        }
    }

    /// Adds the conditions of the source, and its order if it has one.
    fn push_source(&self, sql: &mut QueryBuilder<Postgres>, source: Source<'_>) {
        let organization_id = self.criteria.organization_id;
        match source {
            Source::Text(SearchText { pattern, index, repetition: _ }) => match index {
                SearchIndex::Trigrams => {
                    sql.push(r#"array["organizationId"] @> array["#).push_bind(organization_id);
                    sql.push(r#"] and "searchText" like "#).push_bind(pattern.clone());
                }
                SearchIndex::Pairs(pairs) => {
                    sql.push(r#"array["organizationId"::text] @> array["#).push_bind(organization_id);
                    sql.push(r#"::text] and search_pairs("searchText") @> "#).push_bind(pairs.clone());
                    sql.push(r#" and ("searchText" like "#).push_bind(pattern.clone()).push(") is true");
                }
            },
            Source::StartDate => {
                self.push_organization(sql, self.criteria.status);
                self.push_dates(sql);
                push_order(sql, SortBy::StartDate, self.criteria.status, "asc");
            }
            Source::Owner(user) => {
                sql.push(r#""createdById" = "#).push_bind(user);
                sql.push(r#" and ("organizationId" = "#).push_bind(organization_id).push(") is true");
            }
        }
    }

    /// Adds the conditions of the list that the source does not contain.
    fn push_sort_conditions(&self, sql: &mut QueryBuilder<Postgres>, source: Source<'_>) {
        if source != Source::StartDate {
            if let Some(status) = self.criteria.status {
                push_status(sql, " and status = ", status);
            }
            self.push_dates(sql);
        }
        self.push_end(sql);
        match (source, self.visible()) {
            (_, Visible::All) | (Source::Owner(_), Visible::Own(_)) => {}
            (Source::Owner(_), Visible::OwnAndApproved(_)) => _ = sql.push(" and status <> 'APPROVED'"),
            (Source::Text(_) | Source::StartDate, visible) => push_visible(sql, visible),
        }
        if !matches!(source, Source::Text(_)) {
            self.push_pattern(sql);
        }
    }

    fn push_source_after(&self, sql: &mut QueryBuilder<Postgres>) {
        let Some(RowPosition { sort_key, id }) = self.after() else { return };
        sql.push(format!(" and (sort_key, event_id) {} (", self.comparison()));
        sql.push_bind(sort_key.clone()).push(format!("::{}, ", self.sort_type())).push_bind(*id).push(")");
    }

    fn push_dates(&self, sql: &mut QueryBuilder<Postgres>) {
        push_instant(sql, r#" and "startDate" >= "#, self.criteria.start_date_from);
        push_instant(sql, r#" and "startDate" <= "#, self.criteria.start_date_to);
    }

    fn push_end(&self, sql: &mut QueryBuilder<Postgres>) {
        push_instant(sql, r#" and "endDate" > "#, self.criteria.end_date_from);
    }
}

/// The counts of a look at `rows` events.
fn look_counts(rows: u32) -> String {
    format!(
        "count(matches) as looked, count(*) filter (where matches) as matched,
            count(*) < {rows} and count(*) = count(matches) as is_whole_list"
    )
}

fn sort_key(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::StartDate => r#""startDate""#,
        SortBy::CreatedAt => r#""createdAt""#,
        SortBy::Title => r#""foldedTitle""#,
        // Qualified with the table, because `status` alone could mean an output column, which has the type text.
        SortBy::Status => r#""Event".status"#,
    }
}

/// Adds the order of the index with this sort key, of one status or of all.
fn push_order(
    sql: &mut QueryBuilder<Postgres>,
    sort_by: SortBy,
    status: Option<EventStatus>,
    direction: &str,
) {
    sql.push(" order by ");
    if status.is_some() && sort_by != SortBy::Status {
        sql.push(format!(r#""Event".status {direction}, "#));
    }
    sql.push(format!("{} {direction}, id {direction}", sort_key(sort_by)));
}

fn push_visible(sql: &mut QueryBuilder<Postgres>, visible: Visible) {
    match visible {
        Visible::All => {}
        Visible::Own(user) => _ = sql.push(r#" and "createdById" = "#).push_bind(user),
        Visible::OwnAndApproved(user) => {
            sql.push(r#" and ("createdById" = "#).push_bind(user);
            sql.push(r#" or "Event".status = 'APPROVED')"#);
        }
    }
}

fn push_status(sql: &mut QueryBuilder<Postgres>, condition: &str, status: EventStatus) {
    sql.push(condition).push_bind(AsText(status)).push(r#"::"EventStatus""#);
}

fn push_instant(sql: &mut QueryBuilder<Postgres>, condition: &str, instant: Option<DateTime<Utc>>) {
    if let Some(instant) = instant {
        sql.push(condition).push_bind(instant);
    }
}

#[cfg(test)]
mod plans;
