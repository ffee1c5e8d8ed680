//! Tests of migrations that run while the previous version of the service is still in use.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventboard_chassis::config::{Env, read};
use eventboard_db::{Database, DatabaseConfig, FoldedBatch, FoldingPass};
use eventboard_domain::FoldedTexts;
use eventboard_testing::TestDatabase;
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Notify;
use uuid::Uuid;

/// The statement with which the version before the column `service` was added claims a key.
const CLAIM_WITHOUT_SERVICE: &str = r#"
        insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
        values ($1, $2, $3, $4, $5, '', now() + $6 * interval '1 second')
        on conflict on constraint idempotency_key_pkey do update
        set fingerprint = excluded.fingerprint, "requestId" = excluded."requestId", response = excluded.response,
            "createdAt" = excluded."createdAt", "expiresAt" = excluded."expiresAt"
        where "IdempotencyKey"."expiresAt" <= now()
        "#;

/// A database with the schema of an earlier version.
struct OldDatabase {
    url: String,
}

impl OldDatabase {
    async fn at_version(version: i64) -> Self {
        let present = TestDatabase::create().await;
        let (_, name) = present.url().rsplit_once('/').unwrap();
        let create =
            format!("create database {name}_old template template0 encoding 'UTF8' locale 'C.UTF-8'");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut present.connect().await).await.unwrap();
        let old = Self { url: format!("{}_old", present.url()) };
        sqlx::migrate!("../../migrations").run_to(version, &mut old.connect().await).await.unwrap();
        old
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    fn config(&self) -> DatabaseConfig {
        let env = [("DATABASE_URL".to_owned(), self.url.clone())].into_iter().collect();
        read(env, |env: &mut Env| DatabaseConfig::from_env(env, "tests")).unwrap()
    }

    async fn migrate(&self) {
        crate::migrate(&self.config()).await.unwrap();
    }
}

/// Claims the key. Returns whether the key was free.
async fn claim_key(connection: &mut PgConnection, key: &str) -> bool {
    let claim = sqlx::query(CLAIM_WITHOUT_SERVICE)
        .bind(Uuid::nil())
        .bind("Create")
        .bind(key)
        .bind([7u8; 32].as_slice())
        .bind(Uuid::nil())
        .bind(60.0);
    claim.execute(connection).await.unwrap().rows_affected() == 1
}

async fn key_columns(connection: &mut PgConnection) -> String {
    let definition =
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'idempotency_key_pkey'";
    sqlx::query_scalar(definition).fetch_one(connection).await.unwrap()
}

const WITH_SERVICE: &str = r#"PRIMARY KEY ("callerId", service, operation, key)"#;

#[tokio::test]
async fn the_previous_version_can_write_keys_while_the_service_is_added_to_their_primary_key() {
    let database = OldDatabase::at_version(1).await;
    let mut old = database.connect().await;
    assert!(claim_key(&mut old, "before").await);

    let mut written = 0;
    let write = async {
        loop {
            assert!(claim_key(&mut old, &format!("meanwhile {written}")).await);
            written += 1;
        }
    };
    tokio::select! {
        () = write => {}
        () = database.migrate() => {}
    }

    assert_eq!(key_columns(&mut database.connect().await).await, WITH_SERVICE);
    // A new connection is needed, because the other one was interrupted during a statement.
    let mut old = database.connect().await;
    assert!(!claim_key(&mut old, "before").await && !claim_key(&mut old, "meanwhile 0").await);
    assert!(claim_key(&mut old, "after").await && !claim_key(&mut old, "after").await);
}

#[tokio::test]
async fn a_previously_prepared_statement_uses_the_new_primary_key() {
    let database = OldDatabase::at_version(1).await;
    let mut old = database.connect().await;
    for round in 0..10 {
        // Repeated often enough that PostgreSQL switches to a generic plan and caches it.
        assert!(claim_key(&mut old, &format!("before {round}")).await);
    }
    database.migrate().await;
    assert!(!claim_key(&mut old, "before 0").await);
    assert!(claim_key(&mut old, "after").await && !claim_key(&mut old, "after").await);
}

#[tokio::test]
async fn an_index_is_rebuilt_after_its_build_was_interrupted() {
    let database = OldDatabase::at_version(2).await;
    let (mut writer, mut builder) = (database.connect().await, database.connect().await);
    let mut transaction = writer.begin().await.unwrap();
    assert!(claim_key(&mut transaction, "uncommitted").await);
    sqlx::raw_sql("set statement_timeout = '200ms'").execute(&mut builder).await.unwrap();
    let build = include_str!("../../../../migrations/0003_idempotency_key_by_service.sql");
    assert!(sqlx::raw_sql(build).execute(&mut builder).await.is_err(), "it waits for the writer");
    transaction.commit().await.unwrap();

    database.migrate().await;

    assert_eq!(key_columns(&mut writer).await, WITH_SERVICE);
    assert!(!claim_key(&mut writer, "uncommitted").await);
}

#[tokio::test]
async fn the_index_on_the_history_is_rebuilt_after_its_build_was_interrupted() {
    let database = OldDatabase::at_version(5).await;
    let (mut writer, mut builder) = (database.connect().await, database.connect().await);
    let mut transaction = writer.begin().await.unwrap();
    sqlx::raw_sql(
        r#"insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
            select id, id, id, 'CREATE', 'DRAFT' from gen_random_uuid() id"#,
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    sqlx::raw_sql("set statement_timeout = '200ms'").execute(&mut builder).await.unwrap();
    let build = include_str!("../../../../migrations/0006_event_history_by_organization.sql");
    assert!(sqlx::raw_sql(build).execute(&mut builder).await.is_err(), "it waits for the writer");
    transaction.commit().await.unwrap();

    database.migrate().await;

    let is_valid =
        "select indisvalid from pg_index where indexrelid = 'event_history_organization_idx'::regclass";
    assert!(sqlx::query_scalar::<_, bool>(is_valid).fetch_one(&mut writer).await.unwrap());
}

/// Returns the statement in the runbook that prepares a rollback to 0.1.0.
fn rollback_statement() -> &'static str {
    let runbook = include_str!("../../../../docs/runbook/production.md");
    let (_, from_statement) = runbook.split_once("```sql\n").unwrap();
    from_statement.split_once("\n```").unwrap().0
}

#[tokio::test]
async fn the_migrations_can_be_applied_again_after_a_rollback_to_the_first_release() {
    let database = OldDatabase::at_version(1).await;
    database.migrate().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(rollback_statement()).execute(&mut connection).await.unwrap();
    let applied = "select array_agg(version) from _sqlx_migrations";
    let applied: Vec<i64> = sqlx::query_scalar(applied).fetch_one(&mut connection).await.unwrap();
    assert_eq!(applied, [1], "0.1.0 knows only the first migration");
    assert!(claim_key(&mut connection, "of the first release").await);
    database.migrate().await;
    assert!(!claim_key(&mut connection, "of the first release").await);
}

#[tokio::test]
async fn a_migration_that_times_out_on_a_table_lock_is_retried() {
    let database = OldDatabase::at_version(3).await;
    let mut writer = database.connect().await;
    let mut transaction = writer.begin().await.unwrap();
    assert!(claim_key(&mut transaction, "a long write").await);
    let service = Database::open(database.config());
    let prepared = tokio::spawn(async move { service.prepare().await });

    // This is longer than the `lock_timeout` of the migration.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!prepared.is_finished());
    transaction.commit().await.unwrap();
    prepared.await.unwrap().unwrap();

    assert_eq!(key_columns(&mut writer).await, WITH_SERVICE);
}

#[tokio::test]
async fn a_release_starts_on_the_schema_of_the_next_release() {
    let database = OldDatabase::at_version(1).await;
    database.migrate().await;
    let next = r#"insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (1000, 'of the next release', true, '', 0)"#;
    sqlx::raw_sql(next).execute(&mut database.connect().await).await.unwrap();
    database.migrate().await;
}

/// An organization and its only user.
const OWNER: &str = r#"
    insert into "Organization" (id, name, slug) values ('0198c5b0-0000-7000-8000-000000000001', 'Some', 'some');
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash") values
        ('0198c5b0-0000-7000-8000-000000000002', '0198c5b0-0000-7000-8000-000000000001', 'a@example.org', 'A', 'B',
            'USER', '$argon2id$x')"#;

/// What the version before folding inserts into the table of events.
const CREATE_EVENT: &str = r#"
    insert into "Event" (id, "organizationId", "createdById", title, description, location, "startDate", "endDate",
        "createdAt", "updatedAt", version)
    values ($1, '0198c5b0-0000-7000-8000-000000000001', '0198c5b0-0000-7000-8000-000000000002', $2, $3, null,
        now(), now() + interval '1 hour', now(), now(), 1)"#;

/// The statements with which the version before folding changes an event.
const UPDATE_EVENT: &str = r#"
    update "Event" set title = $2, description = $3, location = null, "startDate" = now(),
        "endDate" = now() + interval '1 hour', "updatedAt" = now(), version = $4
    where id = $1"#;
const MOVE_EVENT: &str =
    r#"update "Event" set status = 'SUBMITTED', "updatedAt" = now(), version = $2 where id = $1"#;

/// Neighbors differ in letter case only, in form only, or in everything.
const TEXTS: [&str; 9] = [
    "Summer party",
    "SUMMER PARTY",
    "Κόσμος",
    "ΚΌΣΜΟΣ",
    "ΚΟ\u{301}ΣΜΟΣ",
    "Größe der Straße",
    "GRÖSSE DER STRASSE",
    "größe der straße",
    "東京の夏",
];

fn text(number: usize) -> &'static str {
    TEXTS[number % TEXTS.len()]
}

fn description(number: usize) -> String {
    format!("A description of {}", text(number / 2))
}

/// Title, description and version of each event.
type Events = HashMap<Uuid, (String, String, i64)>;

/// Creates one event with each of the texts.
async fn create_events(connection: &mut PgConnection, count: usize) -> Events {
    let mut events = Events::new();
    for number in 0..count {
        let (id, title, description) = (Uuid::new_v4(), text(number), description(number));
        let create = sqlx::query(CREATE_EVENT).bind(id).bind(title).bind(&description);
        create.execute(&mut *connection).await.unwrap();
        events.insert(id, (title.to_owned(), description, 1));
    }
    events
}

/// Changes the events one after the other with the statements of the version before, and creates others. Returns all of
/// them as they must be afterwards.
async fn write_events(mut connection: PgConnection, mut events: Events, is_migrated: &AtomicBool) -> Events {
    let ids: Vec<Uuid> = events.keys().copied().collect();
    let mut number = 0;
    while !is_migrated.load(Ordering::Relaxed) {
        let id = ids[number % ids.len()];
        let (title, description, version) = events.get_mut(&id).unwrap();
        *version += 1;
        let changed = if number % 3 == 0 {
            sqlx::query(MOVE_EVENT).bind(id).bind(*version).execute(&mut connection).await
        } else {
            (*title, *description) =
                (text(number / ids.len() + number).to_owned(), self::description(number));
            let update = sqlx::query(UPDATE_EVENT).bind(id).bind(&*title).bind(&*description).bind(*version);
            update.execute(&mut connection).await
        };
        assert_eq!(changed.unwrap().rows_affected(), 1);
        if number % 10 == 0 {
            events.extend(create_events(&mut connection, 1).await);
        }
        number += 1;
    }
    events
}

/// Asserts that these are all events, and that each one is folded as it must be.
async fn assert_folded(connection: &mut PgConnection, mut expected: Events) {
    let select = r#"select id, title, description, version, "foldedTitle", "searchText" from "Event" where "foldedVersion" is not null"#;
    let rows: Vec<(Uuid, String, String, i64, String, String)> =
        sqlx::query_as(select).fetch_all(connection).await.unwrap();
    for (id, title, description, version, folded_title, search_text) in rows {
        let folded = FoldedTexts::new(&title, &description);
        assert_eq!((folded_title, search_text), (folded.title, folded.search_text), "{title}");
        assert_eq!(expected.remove(&id), Some((title, description, version)));
    }
    assert!(expected.is_empty(), "{expected:?}");
}

/// Folds what is left, as events-service does. Returns the number of folded events.
async fn fold(connection: &mut PgConnection) -> u64 {
    let (mut pass, mut folded) = (FoldingPass::begin(), 0);
    while let FoldedBatch::Folded(of_batch) = pass.fold_batch(connection).await.unwrap() {
        folded += of_batch;
    }
    folded
}

#[tokio::test]
async fn all_events_are_folded_while_the_previous_version_writes() {
    let database = OldDatabase::at_version(7).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(OWNER).execute(&mut connection).await.unwrap();
    let untouched = create_events(&mut connection, 1000).await;
    let is_migrated = AtomicBool::new(false);
    let mut writers = Vec::new();
    for _ in 0..3 {
        let events = create_events(&mut connection, 100).await;
        writers.push(write_events(database.connect().await, events, &is_migrated));
    }
    let migration = async {
        database.migrate().await;
        is_migrated.store(true, Ordering::Relaxed);
    };

    let (written, ()) = tokio::join!(join_all(writers), migration);

    let mut expected: Events = written.into_iter().flatten().collect();
    let unfolded = r#"select id from "Event" where "foldedVersion" is null"#;
    let unfolded: Vec<Uuid> = sqlx::query_scalar(unfolded).fetch_all(&mut connection).await.unwrap();
    assert!(unfolded.iter().all(|id| expected.contains_key(id)), "the migration folds what nobody writes");
    assert_eq!(fold(&mut connection).await, unfolded.len() as u64);
    expected.extend(untouched);
    assert_folded(&mut connection, expected).await;
}

#[tokio::test]
async fn an_event_that_somebody_changes_is_left_to_the_next_pass() {
    let database = TestDatabase::create().await;
    let (mut connection, mut writer) = (database.connect().await, database.connect().await);
    sqlx::raw_sql(OWNER).execute(&mut connection).await.unwrap();
    let mut events = create_events(&mut connection, 3).await;
    let (id, (title, _, version)) = events.iter_mut().next().unwrap();
    let mut transaction = writer.begin().await.unwrap();
    (*title, *version) = ("Another title".to_owned(), 2);
    let change = r#"update "Event" set title = 'Another title', version = 2 where id = $1"#;
    sqlx::query(change).bind(id).execute(&mut *transaction).await.unwrap();

    assert_eq!(fold(&mut connection).await, 2);
    transaction.commit().await.unwrap();
    assert_eq!(fold(&mut connection).await, 1);
    assert_folded(&mut connection, events).await;
}

#[tokio::test]
async fn several_processes_can_fold_at_the_same_time() {
    let database = TestDatabase::create().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(OWNER).execute(&mut connection).await.unwrap();
    let events = create_events(&mut connection, 500).await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(database.connect().await);
    }

    let folded: u64 = join_all(connections.iter_mut().map(fold)).await.into_iter().sum();

    // An event that one process has locked is skipped by the others, and is folded by that process.
    assert_eq!(folded, 500);
    assert_folded(&mut connection, events).await;
}

#[tokio::test]
async fn the_migration_reports_how_many_events_are_folded() {
    let database = OldDatabase::at_version(7).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(OWNER).execute(&mut connection).await.unwrap();
    create_events(&mut connection, 7).await;
    let reports = Mutex::new(Vec::new());
    let report = |message: &str| reports.lock().unwrap().push(message.to_owned());

    eventboard_db::migrate(&database.config(), &report).await.unwrap();
    eventboard_db::migrate(&database.config(), &report).await.unwrap();

    assert_eq!(reports.into_inner().unwrap(), ["Folding the texts of events: 7 of about 7"]);
}

#[tokio::test]
async fn the_migration_reports_the_index_that_it_builds_and_goes_on_when_reports_fail() {
    let database = OldDatabase::at_version(9).await;
    let (mut writer, mut admin) = (database.connect().await, database.connect().await);
    sqlx::raw_sql(OWNER).execute(&mut admin).await.unwrap();
    let mut transaction = writer.begin().await.unwrap();
    let event = sqlx::query(CREATE_EVENT).bind(Uuid::now_v7()).bind("A title").bind("Some description");
    event.execute(&mut *transaction).await.unwrap();
    let (reports, reported) = (Mutex::new(Vec::new()), Notify::new());
    let report = |message: &str| {
        reports.lock().unwrap().push(message.to_owned());
        reported.notify_one();
    };
    let config = database.config();
    let write = async {
        reported.notified().await;
        let end = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and query like '%pg_stat_progress%' and pid <> pg_backend_pid()";
        let ended: Vec<bool> = sqlx::query_scalar(end).fetch_all(&mut admin).await.unwrap();
        assert_eq!(ended, [true], "the second connection");
        transaction.commit().await.unwrap();
    };

    let (migrated, ()) = tokio::join!(eventboard_db::migrate(&config, &report), write);

    migrated.unwrap();
    let expected = "Building the index idx_events_by_folded_title: waiting for writers before build";
    assert_eq!(reports.into_inner().unwrap()[0], expected);
}

#[tokio::test]
async fn only_indexes_that_a_pending_migration_builds_are_dropped_after_an_interruption() {
    let database = OldDatabase::at_version(9).await;
    let (mut writer, mut builder) = (database.connect().await, database.connect().await);
    sqlx::raw_sql(OWNER).execute(&mut writer).await.unwrap();
    sqlx::raw_sql("set statement_timeout = '200ms'").execute(&mut builder).await.unwrap();
    let builds = [
        include_str!("../../../../migrations/0010_event_by_folded_title.sql"),
        include_str!("../../../../migrations/0014_event_search_trigrams.sql"),
        r#"create index concurrently an_operators_index on "Event" (location)"#,
    ];
    let mut transaction = writer.begin().await.unwrap();
    let event = sqlx::query(CREATE_EVENT).bind(Uuid::now_v7()).bind("A title").bind("Some description");
    event.execute(&mut *transaction).await.unwrap();
    for build in builds {
        assert!(sqlx::raw_sql(build).execute(&mut builder).await.is_err(), "it waits for the writer");
    }
    transaction.commit().await.unwrap();
    let invalid = "select array_agg(relname::text order by relname) from pg_index join pg_class on oid = indexrelid where not indisvalid";
    let before: Vec<String> = sqlx::query_scalar(invalid).fetch_one(&mut writer).await.unwrap();
    assert_eq!(before, ["an_operators_index", "idx_events_by_folded_title", "idx_events_search_trigrams"]);

    database.migrate().await;

    let after: Vec<String> = sqlx::query_scalar(invalid).fetch_one(&mut writer).await.unwrap();
    assert_eq!(after, ["an_operators_index"]);
    assert_eq!(fold(&mut writer).await, 0);
}

#[tokio::test]
async fn events_that_wait_get_the_time_of_their_last_submission() {
    let database = OldDatabase::at_version(36).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(OWNER).execute(&mut connection).await.unwrap();
    let insert = r#"
        with event as (
            insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", status,
                "createdAt", "updatedAt")
            select gen_random_uuid(), '0198c5b0-0000-7000-8000-000000000001', '0198c5b0-0000-7000-8000-000000000002', title,
                'Some description', now(), now() + interval '1 hour', status::"EventStatus", '2026-01-01Z', '2026-01-09Z'
            from (values ('edited', 'SUBMITTED'), ('not in the history', 'SUBMITTED'), ('decided', 'APPROVED'),
                ('not submitted', 'DRAFT')) event (title, status)
            returning id, "organizationId", "createdById", title
        )
        insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus", "toStatus", at)
        select id, "organizationId", "createdById", action, 'DRAFT', 'SUBMITTED', at
        from event, (values ('SUBMIT', timestamptz '2026-01-02Z'), ('SUBMIT', '2026-01-03Z'), ('REJECT', '2026-01-04Z'))
            entry (action, at)
        where title in ('edited', 'decided')"#;
    sqlx::raw_sql(insert).execute(&mut connection).await.unwrap();

    database.migrate().await;

    let select = r#"select title, to_char("submittedAt" at time zone 'UTC', 'YYYY-MM-DD') from "Event" order by title"#;
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as(select).fetch_all(&mut connection).await.unwrap();
    let submitted: Vec<_> = rows.iter().map(|(title, at)| (title.as_str(), at.as_deref())).collect();
    let expected = [
        ("decided", None),
        ("edited", Some("2026-01-03")),
        ("not in the history", Some("2026-01-09")),
        ("not submitted", None),
    ];
    assert_eq!(submitted, expected);
}
