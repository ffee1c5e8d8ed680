//! Looking into the database, and getting in the services' way there.

use eventboard_testing::TestDatabase;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::waiting::{until, until_some};

/// The number of rows in `table`, spelled as SQL wants it.
pub async fn rows(database: &TestDatabase, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(count).fetch_one(&mut database.connect().await).await.unwrap()
}

/// Runs a statement whose one parameter is an id.
pub async fn execute(database: &TestDatabase, statement: &'static str, id: Uuid) {
    let mut connection = database.connect().await;
    // A lock that is never given back fails the test instead of hanging it.
    sqlx::query("set statement_timeout = '60s'").execute(&mut connection).await.unwrap();
    let done = sqlx::query(statement).bind(id).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0, "{statement} meets nothing");
}

/// What the history tells of an event, in order.
pub async fn history(database: &TestDatabase, event: &str) -> Vec<String> {
    let statement = r#"select action from "EventHistory" where "eventId" = $1 order by id"#;
    let id: Uuid = event.parse().unwrap();
    sqlx::query_scalar(statement).bind(id).fetch_all(&mut database.connect().await).await.unwrap()
}

/// A lock on rows that somebody else holds; given back when it is dropped.
pub struct Lock(PgConnection);

impl Lock {
    /// Locks every event.
    pub async fn on_all_events(database: &TestDatabase) -> Self {
        Self::on_all_events_over(database.connect().await).await
    }

    /// Locks every event, over this connection.
    pub async fn on_all_events_over(connection: PgConnection) -> Self {
        Self::over(connection, r#"lock table "Event" in access exclusive mode"#).await
    }

    /// Locks every user.
    pub async fn on_all_users(database: &TestDatabase) -> Self {
        Self::by(database, r#"lock table "User" in access exclusive mode"#).await
    }

    /// Locks one event.
    pub async fn on_event(database: &TestDatabase, id: &str) -> Self {
        Self::by(database, &format!(r#"select from "Event" where id = '{id}' for update"#)).await
    }

    /// Takes an idempotency key of a caller for creates, until it is given back.
    pub async fn on_key_of_create(database: &TestDatabase, caller: Uuid, key: &str) -> Self {
        let claim = format!(
            r#"insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
            values ('{caller}', 'Create', '{key}', decode(repeat('00', 32), 'hex'), gen_random_uuid(), '',
                now() + interval '1 minute')"#
        );
        Self::by(database, &claim).await
    }

    async fn by(database: &TestDatabase, statement: &str) -> Self {
        Self::over(database.connect().await, statement).await
    }

    async fn over(mut connection: PgConnection, statement: &str) -> Self {
        for statement in ["begin", statement] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        Self(connection)
    }

    /// The TCP port from which somebody who waits for this lock came to the database, as soon as there is one.
    pub async fn waiting_port(&mut self) -> u16 {
        let waits =
            "select client_port from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))";
        let port: i32 = until_some("somebody waits for the lock", async || {
            // A transaction sees the activity as it was when it first looked, unless it says that it wants to look again.
            sqlx::query("select pg_stat_clear_snapshot()").execute(&mut self.0).await.unwrap();
            sqlx::query_scalar(waits).fetch_optional(&mut self.0).await.unwrap()
        })
        .await;
        port.try_into().unwrap()
    }

    /// Gives it back.
    pub async fn release(self) {
        self.0.close().await.unwrap();
    }
}

/// Waits until so many statements wait for a lock.
pub async fn until_waiting(database: &TestDatabase, count: i64) {
    until("statements wait for the lock", async || waiting(database, "0").await == count).await;
}

/// Waits until a statement has waited for longer than a slow one takes.
pub async fn until_slow(database: &TestDatabase) {
    until("a statement has become slow", async || waiting(database, "300 milliseconds").await > 0).await;
}

/// Waits until the services do nothing in the database any more.
pub async fn until_quiet(database: &TestDatabase) {
    let busy = r#"pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and application_name like '%-service' and state <> 'idle'"#;
    until("the services leave the database alone", async || rows(database, busy).await == 0).await;
}

async fn waiting(database: &TestDatabase, at_least: &str) -> i64 {
    let table = format!(
        "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' \
         and clock_timestamp() - query_start >= interval '{at_least}'"
    );
    rows(database, &table).await
}
