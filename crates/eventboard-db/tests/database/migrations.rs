//! Tests of migrations that run while the previous version of the service is still in use.

use std::time::Duration;

use eventboard_chassis::config::{Env, read};
use eventboard_db::{Database, DatabaseConfig};
use eventboard_testing::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
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
        eventboard_db::migrate(&self.config()).await.unwrap();
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
