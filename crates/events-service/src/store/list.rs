//! Lists events.
//!
//! The statement is built from constant parts, because PostgreSQL uses an index for sorting only when the statement
//! contains the sort expression, and there are too many combinations of sort key, direction and filters for separate
//! statements. Values are always bound. The statement is not cached as a prepared statement, so that PostgreSQL plans
//! it for the actual values: a generic plan for all search texts could not use the trigram index.

use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{Event, SortBy, Visibility};
use sqlx::{Postgres, QueryBuilder, postgres::PgRow};

use super::{
    Store,
    capped_totals::COUNT_LIMIT,
    event::{EventRow, with_event_columns},
    shown_length::{ShownLength, Total},
};
use crate::listing::{ListCriteria, Page, PageStart, RowPosition};

macro_rules! literal {
    ($columns:literal) => {
        $columns
    };
}

const COLUMNS: &str = with_event_columns!(literal!);

/// A row of a page: the event, its sort key as stored in a cursor, and the total if it was counted.
#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    event: EventRow,
    sort_key: String,
    total: Option<i64>,
}

/// Returns the sort expression, which must be the same as in the index.
fn sort_expression(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::StartDate => r#""startDate""#,
        SortBy::CreatedAt => r#""createdAt""#,
        SortBy::Title => "lower(title)",
        // Qualified with the table, because `status` alone means the output column, which has the type text.
        SortBy::Status => r#""Event".status"#,
    }
}

/// Returns the SQL type of the sort expression, to which the value from a cursor is cast.
fn sort_type(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::StartDate | SortBy::CreatedAt => "timestamptz",
        SortBy::Title => "text",
        SortBy::Status => r#""EventStatus""#,
    }
}

impl Store {
    /// Returns one page of the list and the total.
    pub(crate) async fn list(
        &self,
        criteria: &ListCriteria,
        start: &PageStart,
        limit: u32,
    ) -> Result<Page<RowPosition>, ServiceError> {
        let mut lease = self.acquire(criteria.organization_id).await?;
        let is_capped = self.capped_totals.contains(criteria);
        let mut statement = page_statement(criteria, start, limit, is_capped);
        // Not persistent, so that PostgreSQL plans the statement each time. A pooler supports only named statements,
        // and those are persistent.
        let is_persistent = self.database.is_behind_pooler();
        let rows: Vec<PgRow> = statement
            .build()
            .persistent(is_persistent)
            .fetch_all(&mut *lease)
            .instrumented("LIST Event")
            .await
            .map_err(db_error)?;
        let rows = rows.iter().map(sqlx::FromRow::from_row).collect::<Result<Vec<ListedRow>, _>>();
        let rows = rows.map_err(db_error)?;

        let (rows, has_next) = without_next(rows, limit);
        let shown = ShownLength::new(start, rows.len() as u64, has_next);
        let counted = match (rows.first().and_then(|row| row.total), shown.exact()) {
            (Some(counted), _) => counted.unsigned_abs(),
            (None, Some(length)) => length,
            (None, None) if is_capped && has_next => COUNT_LIMIT.into(),
            // The total is a column of the rows, so an empty page needs a separate count. The last page after a cursor
            // does not show whether the cached total is still right.
            (None, None) => {
                let mut statement = count_statement(criteria);
                let count = statement.build_query_scalar::<i64>().persistent(is_persistent);
                let count = count.fetch_one(&mut *lease).instrumented("COUNT Event").await;
                count.map_err(db_error)?.unsigned_abs()
            }
        };
        lease.release();
        let total = shown.correct(counted);
        match (is_capped, total.reaches(COUNT_LIMIT)) {
            (false, true) => self.capped_totals.insert(criteria),
            (true, false) => self.capped_totals.remove(criteria),
            // Not inserted again, so that the list is counted at least once a minute.
            (true, true) | (false, false) => {}
        }
        Ok(page(rows, has_next, total))
    }
}

/// The rows of the page, and whether there is a next page: the statement selects one row more than the limit.
fn without_next(mut rows: Vec<ListedRow>, limit: u32) -> (Vec<ListedRow>, bool) {
    let has_next = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    (rows, has_next)
}

fn page(rows: Vec<ListedRow>, has_next: bool, total: Total) -> Page<RowPosition> {
    let next = rows.last().filter(|_| has_next);
    let next = next.map(|row| RowPosition { sort_key: row.sort_key.clone(), id: row.event.id });
    Page {
        events: rows.into_iter().map(|row| Event::from(row.event)).collect(),
        next,
        total: total.reported(),
        total_is_exact: total.is_exact(),
    }
}

fn page_statement(
    criteria: &ListCriteria,
    start: &PageStart,
    limit: u32,
    is_capped: bool,
) -> QueryBuilder<Postgres> {
    let key = sort_expression(criteria.sort_by);
    let direction = if criteria.descending { "desc" } else { "asc" };
    let mut sql = QueryBuilder::new(format!("select {COLUMNS}, {key}::text as sort_key, ("));
    if is_capped {
        sql.push("null::bigint");
    } else {
        push_count(&mut sql, criteria);
    }
    sql.push(r#") as total from "Event""#);
    push_filter(&mut sql, criteria);
    if let PageStart::After(position) = start {
        push_after(&mut sql, criteria, position);
    }
    sql.push(format!(" order by {key} {direction}, id {direction} limit ")).push_bind(i64::from(limit) + 1);
    if let PageStart::Offset(offset) = start {
        sql.push(" offset ").push_bind(i64::try_from(*offset).unwrap_or(i64::MAX));
    }
    sql
}

fn count_statement(criteria: &ListCriteria) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    push_count(&mut sql, criteria);
    sql
}

/// Counts at most [`COUNT_LIMIT`] rows.
fn push_count(sql: &mut QueryBuilder<Postgres>, criteria: &ListCriteria) {
    sql.push(r#"select count(*) from (select 1 from "Event""#);
    push_filter(sql, criteria);
    sql.push(" limit ").push_bind(i64::from(COUNT_LIMIT)).push(") counted");
}

/// Adds the filters. The condition on visibility repeats the rule of the domain type `Visibility`, so keep both in
/// sync.
fn push_filter(sql: &mut QueryBuilder<Postgres>, criteria: &ListCriteria) {
    let ListCriteria {
        organization_id,
        visibility,
        status,
        search,
        start_date_from,
        start_date_to,
        // The sort order is not a filter.
        sort_by: _,
        descending: _,
    } = criteria;
    sql.push(r#" where "organizationId" = "#).push_bind(*organization_id);
    match visibility {
        Visibility::Everything => {}
        Visibility::OwnAndApproved(caller) => {
            sql.push(r#" and ("createdById" = "#).push_bind(*caller).push(" or status = 'APPROVED')");
        }
    }
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(AsText(*status)).push(r#"::"EventStatus""#);
    }
    push_instant(sql, r#" and "startDate" >= "#, *start_date_from);
    push_instant(sql, r#" and "startDate" <= "#, *start_date_to);
    if let Some(search) = search {
        let pattern = contains_pattern(search);
        sql.push(" and (title ilike ").push_bind(pattern.clone());
        sql.push(" or description ilike ").push_bind(pattern).push(")");
    }
}

fn push_instant(sql: &mut QueryBuilder<Postgres>, condition: &str, instant: Option<DateTime<Utc>>) {
    if let Some(instant) = instant {
        sql.push(condition).push_bind(instant);
    }
}

fn push_after(sql: &mut QueryBuilder<Postgres>, criteria: &ListCriteria, position: &RowPosition) {
    let (key, sort_type) = (sort_expression(criteria.sort_by), sort_type(criteria.sort_by));
    let comparison = if criteria.descending { "<" } else { ">" };
    sql.push(format!(" and ({key}, id) {comparison} (")).push_bind(position.sort_key.clone());
    sql.push(format!("::{sort_type}, ")).push_bind(position.id).push(")");
}

/// Returns a `like` pattern that matches every string that contains the literal text.
fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_are_escaped() {
        assert_eq!(contains_pattern(r"50%_\o/"), r"%50\%\_\\o/%");
    }

    /// Returns the text that the pattern matches. Fails when a wildcard other than the outer two is not escaped.
    fn unescape(pattern: &str) -> String {
        let mut characters = pattern[1..pattern.len() - 1].chars();
        let mut text = String::new();
        while let Some(character) = characters.next() {
            assert!(!matches!(character, '%' | '_'), "an unescaped wildcard in {pattern}");
            text.push(if character == '\\' { characters.next().unwrap() } else { character });
        }
        text
    }

    proptest! {
        #[test]
        fn a_pattern_matches_exactly_its_text(text in "[%_\\\\a-c]{0,20}|\\PC{0,20}") {
            prop_assert_eq!(unescape(&contains_pattern(&text)), text);
        }
    }
}
