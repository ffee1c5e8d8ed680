//! Tests of the plans that PostgreSQL chooses for the statements of lists, in a table with a million events.
//!
//! A plan depends on statistics, which are often old or missing. So each statement is planned with three states of them,
//! for a large, a small and an unknown organization.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use eventboard_chassis::{config::Env, fairness::Client};
use eventboard_db::{Database, DatabaseConfig, Lease};
use eventboard_domain::{EventStatus, SortBy, Visibility};
use eventboard_testing::TestDatabase;
use sqlx::{AssertSqlSafe, Execute, PgConnection, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::{List, Plan, Source, Step, Visible};
use crate::{
    listing::{ListCriteria, PageStart, RowPosition},
    store::{
        days::DAYS,
        queue::{COUNT_WAITING, WAITING_EVENTS},
        search_text::SearchIndex,
    },
};

const LARGE: Uuid = Uuid::from_u128(1);
const SMALL: Uuid = Uuid::from_u128(2);
const UNKNOWN: Uuid = Uuid::from_u128(3);

/// The owner of every hundredth event of an organization.
fn user_of(organization: Uuid) -> Uuid {
    Uuid::from_u128(organization.as_u128() + 100)
}

/// Inserts events that differ in all sort keys, with their organization and its users.
async fn insert_events(connection: &mut PgConnection, organization: Uuid, events: i32) {
    let insert = r#"
        with organization as (
            insert into "Organization" (id, name, slug) values ($1, 'Organization', $1::text)
        ), users as (
            insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
            select id, $1, id || '@example.org', 'First', 'Last', 'USER', '$argon2id$' from unnest(array[$2, $3]) id
        )
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", status,
            "createdAt", "updatedAt", "foldedTitle", "searchText", "foldedVersion")
        select gen_random_uuid(), $1, case when n % 100 = 0 then $2 else $3 end, 'Title ' || n, 'A description', at,
            at + interval '1 hour', (array['DRAFT', 'SUBMITTED', 'APPROVED', 'APPROVED']::"EventStatus"[])[n % 4 + 1],
            at - interval '30 days', at, 'title ' || n, 'title ' || n || ' a description', 1
        from generate_series(1, $4) n, lateral (select timestamptz '2020-01-01' + n * interval '1 minute') start (at)
    "#;
    let insert = sqlx::query(insert)
        .bind(organization)
        .bind(user_of(organization))
        .bind(Uuid::from_u128(organization.as_u128() + 200))
        .bind(events);
    insert.execute(connection).await.unwrap();
}

/// Inserts the events of the large organization. The indexes are made afterwards, which is faster.
async fn insert_large_organization(connection: &mut PgConnection) {
    let indexes =
        r#"select indexname, indexdef from pg_indexes where tablename = 'Event' and indexname like 'idx_%'"#;
    let indexes = sqlx::query(indexes).fetch_all(&mut *connection).await.unwrap();
    for index in &indexes {
        let drop = format!("drop index {}", index.get::<String, _>("indexname"));
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *connection).await.unwrap();
    }
    insert_events(connection, LARGE, 1_000_000).await;
    for index in &indexes {
        let create = index.get::<String, _>("indexdef");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *connection).await.unwrap();
    }
}

/// The index that has the order of a list.
fn ordered_index(sort_by: SortBy, has_status: bool) -> &'static str {
    match (sort_by, has_status) {
        (SortBy::StartDate, false) => "idx_events_by_start_date",
        (SortBy::StartDate, true) => "idx_events_by_status_and_start_date",
        (SortBy::CreatedAt, false) => "idx_events_by_created_at",
        (SortBy::CreatedAt, true) => "idx_events_by_status_and_created_at",
        (SortBy::Title, false) => "idx_events_by_folded_title",
        (SortBy::Title, true) => "idx_events_by_status_and_folded_title",
        (SortBy::Status, _) => "idx_events_by_status",
    }
}

fn source_index(source: Source<'_>, has_status: bool) -> &'static str {
    match source {
        Source::Text(text) => match text.index {
            SearchIndex::Trigrams => "idx_events_search_trigrams",
            SearchIndex::Pairs(_) => "idx_events_search_pairs",
        },
        Source::StartDate => ordered_index(SortBy::StartDate, has_status),
        Source::Owner(_) => "idx_events_created_by_id",
    }
}

/// The plan for a statement, as text.
struct ExplainedPlan(String);

impl ExplainedPlan {
    async fn of(lease: &mut Lease, mut statement: QueryBuilder<Postgres>, is_gin: bool) -> Self {
        let set = format!("set enable_bitmapscan = {}", if is_gin { "on" } else { "off" });
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut **lease).await.unwrap();
        let mut query = statement.build();
        let arguments = query.take_arguments().unwrap().unwrap();
        let explain = format!("explain {}", query.sql().as_str());
        let explain = sqlx::query_with(AssertSqlSafe(explain), arguments).persistent(false);
        let lines = explain.fetch_all(&mut **lease).await.unwrap();
        Self(lines.iter().map(|line| line.get::<String, _>(0) + "\n").collect())
    }

    /// The plan for a prepared statement, for these literals or for any values.
    async fn of_prepared(lease: &mut Lease, statement: &str, literals: &str, mode: &str) -> Self {
        let prepare = format!(
            "set enable_bitmapscan = off; set plan_cache_mode = {mode}; prepare explained as {statement}"
        );
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut **lease).await.unwrap();
        let explain = AssertSqlSafe(format!("explain execute explained ({literals})"));
        let lines = sqlx::raw_sql(explain).fetch_all(&mut **lease).await.unwrap();
        let reset = "deallocate explained; set plan_cache_mode = auto";
        sqlx::raw_sql(reset).execute(&mut **lease).await.unwrap();
        Self(lines.iter().map(|line| line.get::<String, _>(0) + "\n").collect())
    }

    /// The indexes that are read, without the primary key. A table that is read without an index is one of them.
    fn indexes(&self) -> BTreeSet<&str> {
        let words: Vec<&str> = self.0.split_whitespace().collect();
        let indexes = words.windows(2).filter_map(|pair| match pair {
            ["using" | "on", index] if index.starts_with("idx_") => Some(*index),
            ["Seq", scan @ "Scan"] => Some(*scan),
            _ => None,
        });
        indexes.collect()
    }

    /// Whether only a part of each index is read.
    fn reads_parts(&self) -> bool {
        let lines: Vec<&str> = self.0.lines().collect();
        let reads_index = |line: &str| line.contains(" using ") || line.contains("Bitmap Index Scan on ");
        let scans = (0..lines.len()).filter(|&at| reads_index(lines[at]));
        scans
            .into_iter()
            .all(|at| lines.get(at + 1).is_some_and(|next| next.trim().starts_with("Index Cond:")))
    }

    fn contains(&self, node: &str) -> bool {
        self.0.contains(node)
    }
}

/// The statements of a list, each with the indexes that it must read, and whether it may sort what it has read.
fn statements(list: &List<'_>) -> Vec<Expectation> {
    let has_status = list.criteria.status.is_some();
    let ordered = ordered_index(list.criteria.sort_by, has_status);
    let expect = |name, statement, indexes: &[&'static str], may_sort, is_gin| {
        let indexes = indexes.iter().copied().collect();
        Expectation { name, statement, indexes, may_sort, is_gin }
    };
    let sort = |source: Source<'_>| {
        let mut indexes = vec![source_index(source, has_status)];
        if matches!((source, list.visible()), (Source::Owner(_), Visible::OwnAndApproved(_))) {
            indexes.push(ordered_index(list.criteria.sort_by, true));
        }
        let is_gin = matches!(source, Source::Text(_));
        expect("sort", list.sort_statement(source, 10_001, true), &indexes, true, is_gin)
    };
    let Plan::Steps(steps) = list.plan() else {
        return vec![
            expect("walk", list.walk_statement(true), &[ordered], false, false),
            expect("count", list.count_statement(), &[ordered], false, false),
        ];
    };
    let mut statements = vec![
        expect("scan", list.scan_statement(200_000), &[ordered], false, false),
        expect("exceeds", list.exceeds_statement(200_000), &[ordered], false, false),
    ];
    for step in steps {
        match step {
            Step::Look => statements.extend([
                expect("look", list.look_statement(1000), &[ordered], true, false),
                expect("look count", list.look_count_statement(1000), &[ordered], false, false),
            ]),
            Step::Sort(source) => statements.push(sort(source)),
        }
    }
    statements
}

struct Expectation {
    name: &'static str,
    statement: QueryBuilder<Postgres>,
    indexes: BTreeSet<&'static str>,
    may_sort: bool,
    is_gin: bool,
}

/// Checks the plans of all statements of a list. Returns those that are wrong.
async fn wrong_plans(lease: &mut Lease, list: &List<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for Expectation { name, statement, indexes, may_sort, is_gin } in statements(list) {
        let plan = ExplainedPlan::of(lease, statement, is_gin).await;
        if plan.indexes() != indexes
            || !plan.reads_parts()
            || (!may_sort && plan.contains("Sort"))
            || (!is_gin && plan.contains("Bitmap"))
        {
            wrong.push(format!("{name} of {:?} {:?}:\n{}", list.criteria, list.start, plan.0));
        }
    }
    wrong
}

fn sort_key(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::StartDate | SortBy::CreatedAt => "2021-01-01T00:00:00Z",
        SortBy::Title => "title 500000",
        SortBy::Status => "APPROVED",
    }
}

fn at(date: &str) -> Option<DateTime<Utc>> {
    Some(format!("{date}T00:00:00Z").parse().unwrap())
}

/// Checks lists with all combinations of filters, orders and starts. Returns the plans that are wrong.
async fn wrong_plans_of_lists(lease: &mut Lease, organization_id: Uuid) -> Vec<String> {
    let mut wrong = Vec::new();
    let user = user_of(organization_id);
    let visibilities = [
        (Visibility::Everything, None),
        (Visibility::OwnAndApproved(user), None),
        (Visibility::Everything, Some(user)),
    ];
    let statuses = [None, Some(EventStatus::Submitted), Some(EventStatus::Approved)];
    let dates = [
        (None, None, None),
        (at("2020-06-01"), at("2020-06-02"), None),
        (at("2020-06-01"), None, at("2020-06-02")),
        (None, None, at("2020-06-02")),
    ];
    for sort_by in [SortBy::StartDate, SortBy::CreatedAt, SortBy::Title, SortBy::Status] {
        for ((visibility, owner), status) in
            visibilities.into_iter().flat_map(|visibility| statuses.map(|status| (visibility, status)))
        {
            for (start_date_from, start_date_to, end_date_from) in dates {
                for search in [None, Some("description"), Some("le"), Some("q")] {
                    for descending in [false, true] {
                        let criteria = ListCriteria {
                            organization_id,
                            visibility,
                            sort_by,
                            descending,
                            status,
                            search: search.map(Into::into),
                            start_date_from,
                            start_date_to,
                            end_date_from,
                            owner,
                        };
                        let position = RowPosition { sort_key: sort_key(sort_by).into(), id: Uuid::nil() };
                        // An offset and a position change a statement in the same way for each direction.
                        let start =
                            if descending { PageStart::After(position) } else { PageStart::Offset(1000) };
                        wrong.extend(wrong_plans(lease, &List::new(&criteria, &start, 20)).await);
                    }
                }
            }
        }
    }
    wrong
}

/// Checks the statements of the queue and of the days. They are prepared ones, so PostgreSQL may plan them for any values. Returns
/// the plans that are wrong.
async fn wrong_plans_of_prepared_statements(lease: &mut Lease, organization_id: Uuid) -> Vec<String> {
    let user = user_of(organization_id);
    let page = |pattern: &str| format!("'{organization_id}', '2020-06-01', '{}', {pattern}, 21", Uuid::nil());
    let days = |everybodys: &str, own: &str| {
        let bounds: Vec<String> = (1..=28).map(|day| format!("2020-06-{day}")).collect();
        let [starts, ends] = [&bounds[..27], &bounds[1..]].map(|days| days.join(","));
        format!(
            "'{{{starts}}}', '{{{ends}}}', '{organization_id}', '{everybodys}', '{user}', '{own}', 101, 3"
        )
    };
    let waiting = ["idx_events_waiting"].as_slice();
    let by_start_date =
        ["idx_events_by_status_and_start_date", "idx_events_by_owner_status_and_start_date"].as_slice();
    let statements = [
        (WAITING_EVENTS, page("null"), waiting),
        (WAITING_EVENTS, page("'%le%'"), waiting),
        (COUNT_WAITING, format!("'{organization_id}', '2020-06-01', '2020-06-08', 1001"), waiting),
        (DAYS, days("{DRAFT,SUBMITTED,APPROVED,REJECTED}", "{}"), by_start_date),
        (DAYS, days("{APPROVED}", "{DRAFT,SUBMITTED,REJECTED}"), by_start_date),
        (DAYS, days("{}", "{APPROVED}"), by_start_date),
    ];
    let mut wrong = Vec::new();
    for (statement, literals, indexes) in statements {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let plan = ExplainedPlan::of_prepared(lease, statement, &literals, mode).await;
            // Only the events of the days are sorted, after they were found.
            let sorts = plan.0.matches("Sort Key").count();
            if plan.indexes() != indexes.iter().copied().collect()
                || !plan.reads_parts()
                || sorts > usize::from(statement == DAYS)
            {
                wrong.push(format!("{mode} of {statement} ({literals}):\n{}", plan.0));
            }
        }
    }
    wrong
}

#[tokio::test]
async fn every_statement_reads_its_index_whatever_the_statistics_say() {
    let test_database = TestDatabase::create().await;
    let mut connection = test_database.connect().await;
    sqlx::raw_sql(r#"alter table "Event" set (autovacuum_enabled = off)"#)
        .execute(&mut connection)
        .await
        .unwrap();
    let env = [("DATABASE_URL".to_owned(), test_database.service_url().to_owned())];
    let mut env: Env = env.into_iter().collect();
    let database = Database::open(DatabaseConfig::from_env(&mut env, "tests"));
    database.prepare().await.unwrap();
    let mut lease = database.acquire(Client::Organization(LARGE)).await.unwrap();

    insert_events(&mut connection, SMALL, 1000).await;
    sqlx::raw_sql(r#"analyze "Event""#).execute(&mut connection).await.unwrap();
    insert_large_organization(&mut connection).await;
    for (state, change) in [
        ("before the large organization", "select"),
        ("current", r#"analyze "Event""#),
        ("missing", r#"delete from pg_statistic where starelid = '"Event"'::regclass"#),
    ] {
        sqlx::raw_sql(AssertSqlSafe(change)).execute(&mut connection).await.unwrap();
        for organization in [LARGE, SMALL, UNKNOWN] {
            let mut wrong = wrong_plans_of_prepared_statements(&mut lease, organization).await;
            wrong.extend(wrong_plans_of_lists(&mut lease, organization).await);
            let first: String = wrong.iter().take(5).cloned().collect();
            assert!(wrong.is_empty(), "{} wrong plans with statistics {state}:\n{first}", wrong.len());
        }
    }
}
