//! Listing events.
//!
//! The statement is put together from constant parts, because an index serves an order only when
//! the statement names it: sort keys × directions × filters are too many for statements of their
//! own. Values are always bound. It is not kept prepared, so that it is planned for its values: a
//! plan for any search text would have to ignore the trigram index.

use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_db::{Named, Word, db_error};
use eventboard_domain::{Event, SortBy, Visibility};
use sqlx::{Postgres, QueryBuilder, postgres::PgRow};

use super::{
    Store,
    event::{EventRow, with_event_columns},
    long_listings::COUNTED,
};
use crate::listing::{Filter, MAX_EXACT_TOTAL, Page, Position, Start};

macro_rules! text {
    ($columns:literal) => {
        $columns
    };
}

const COLUMNS: &str = with_event_columns!(text!);

/// A row of a page: the event, its sort key as a cursor keeps it, and the total where it was counted.
#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    event: EventRow,
    sort_key: String,
    total: Option<i64>,
}

/// The expression that the index of this order is built on.
fn expression(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::StartDate => r#""startDate""#,
        SortBy::CreatedAt => r#""createdAt""#,
        SortBy::Title => "lower(title)",
        // Qualified: a bare name could mean a column of the result, which is text.
        SortBy::Status => r#""Event".status"#,
    }
}

/// The type of the expression, for a value out of a cursor.
fn sql_type(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::StartDate | SortBy::CreatedAt => "timestamptz",
        SortBy::Title => "text",
        SortBy::Status => r#""EventStatus""#,
    }
}

impl Store {
    /// One page of the listing, with its total.
    pub(crate) async fn list(
        &self,
        filter: &Filter,
        start: &Start,
        limit: u32,
    ) -> Result<Page<Position>, ServiceError> {
        let mut connection = self.database.acquire().await?;
        let is_long = self.long_listings.contains(filter);
        let mut statement = page_statement(filter, start, limit, is_long);
        // Planned anew each time, except behind a pooler, which knows only named statements.
        let named = self.database.is_behind_pooler();
        let rows: Vec<PgRow> = statement
            .build()
            .persistent(named)
            .fetch_all(&mut *connection)
            .named("LIST Event")
            .await
            .map_err(db_error)?;
        let rows = rows.iter().map(sqlx::FromRow::from_row).collect::<Result<Vec<ListedRow>, _>>();
        let rows = rows.map_err(db_error)?;

        let counted = match (rows.first(), start) {
            _ if is_long => i64::from(COUNTED),
            (Some(row), _) => row.total.unwrap_or_default(),
            (None, Start::Offset(0)) => 0,
            // Past the end no row carries the total.
            (None, _) => {
                let mut statement = count_statement(filter);
                let count = statement.build_query_scalar().persistent(named);
                count.fetch_one(&mut *connection).named("COUNT Event").await.map_err(db_error)?
            }
        };
        connection.release();
        if counted >= i64::from(COUNTED) && !is_long {
            self.long_listings.remember(filter);
        }
        Ok(page(rows, limit, counted))
    }
}

/// One row more than the page shows that there is a next one.
fn page(mut rows: Vec<ListedRow>, limit: u32, counted: i64) -> Page<Position> {
    let has_next = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| has_next);
    let next = next.map(|row| Position { sort_key: row.sort_key.clone(), id: row.event.id });
    let counted = u32::try_from(counted).unwrap_or(u32::MAX);
    Page {
        events: rows.into_iter().map(|row| Event::from(row.event)).collect(),
        next,
        total: counted.min(MAX_EXACT_TOTAL),
        total_is_exact: counted <= MAX_EXACT_TOTAL,
    }
}

fn page_statement(filter: &Filter, start: &Start, limit: u32, is_long: bool) -> QueryBuilder<Postgres> {
    let (key, direction) = (expression(filter.sort_by), if filter.descending { "desc" } else { "asc" });
    let mut sql = QueryBuilder::new(format!("select {COLUMNS}, {key}::text as sort_key, ("));
    if is_long {
        sql.push("null::bigint");
    } else {
        push_count(&mut sql, filter);
    }
    sql.push(r#") as total from "Event""#);
    push_filter(&mut sql, filter);
    if let Start::After(position) = start {
        push_position(&mut sql, filter, position);
    }
    sql.push(format!(" order by {key} {direction}, id {direction} limit ")).push_bind(i64::from(limit) + 1);
    if let Start::Offset(offset) = start {
        sql.push(" offset ").push_bind(i64::try_from(*offset).unwrap_or(i64::MAX));
    }
    sql
}

fn count_statement(filter: &Filter) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    push_count(&mut sql, filter);
    sql
}

/// Counts no further than it takes to know that the listing is long.
fn push_count(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    sql.push(r#"select count(*) from (select 1 from "Event""#);
    push_filter(sql, filter);
    sql.push(" limit ").push_bind(i64::from(COUNTED)).push(") counted");
}

/// The visibility is the domain's.
fn push_filter(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    let Filter {
        organization_id,
        visibility,
        status,
        search,
        start_date_from,
        start_date_to,
        // The order is no condition.
        sort_by: _,
        descending: _,
    } = filter;
    sql.push(r#" where "organizationId" = "#).push_bind(*organization_id);
    match visibility {
        Visibility::Everything => {}
        Visibility::OwnAndApproved(caller) => {
            sql.push(r#" and ("createdById" = "#).push_bind(*caller).push(" or status = 'APPROVED')");
        }
    }
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(Word(*status)).push(r#"::"EventStatus""#);
    }
    push_instant(sql, r#" and "startDate" >= "#, *start_date_from);
    push_instant(sql, r#" and "startDate" <= "#, *start_date_to);
    if let Some(search) = search {
        let pattern = literal_pattern(search);
        sql.push(" and (title ilike ").push_bind(pattern.clone());
        sql.push(" or description ilike ").push_bind(pattern).push(")");
    }
}

fn push_instant(sql: &mut QueryBuilder<Postgres>, condition: &str, instant: Option<DateTime<Utc>>) {
    if let Some(instant) = instant {
        sql.push(condition).push_bind(instant);
    }
}

fn push_position(sql: &mut QueryBuilder<Postgres>, filter: &Filter, position: &Position) {
    let (key, sql_type) = (expression(filter.sort_by), sql_type(filter.sort_by));
    let beyond = if filter.descending { "<" } else { ">" };
    sql.push(format!(" and ({key}, id) {beyond} (")).push_bind(position.sort_key.clone());
    sql.push(format!("::{sql_type}, ")).push_bind(position.id).push(")");
}

/// A pattern for `like` that finds the text itself wherever it stands.
fn literal_pattern(text: &str) -> String {
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
    fn wildcards_are_ordinary_characters() {
        assert_eq!(literal_pattern(r"50%_\o/"), r"%50\%\_\\o/%");
    }

    /// What `like` would find: every `%` and `_` of the pattern but the outer two is escaped.
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
        fn a_pattern_stands_for_exactly_its_text(text in "[%_\\\\a-c]{0,20}|\\PC{0,20}") {
            prop_assert_eq!(unescape(&literal_pattern(&text)), text);
        }
    }
}
