//! Inspects the database, and locks rows and tables to block the services.

use eventboard_testing::TestDatabase;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::waiting::{wait_for_some, wait_until};

/// The number of rows in `table`, a quoted SQL name that may be followed by a `where` clause.
pub async fn count_rows(database: &TestDatabase, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(count).fetch_one(&mut database.connect().await).await.unwrap()
}

/// Runs a statement that has one parameter, an id.
pub async fn execute(database: &TestDatabase, statement: &'static str, id: Uuid) {
    let mut connection = database.connect().await;
    // A lock that is never released must fail the test instead of hanging it.
    sqlx::query("set statement_timeout = '60s'").execute(&mut connection).await.unwrap();
    let done = sqlx::query(statement).bind(id).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0, "{statement} affects no row");
}

/// The actions in an event's history, oldest first.
pub async fn history(database: &TestDatabase, event: &str) -> Vec<String> {
    let statement = r#"select action from "EventHistory" where "eventId" = $1 order by id"#;
    let id: Uuid = event.parse().unwrap();
    sqlx::query_scalar(statement).bind(id).fetch_all(&mut database.connect().await).await.unwrap()
}

/// A database lock that blocks the services. It is released when dropped.
pub struct Lock(PgConnection);

impl Lock {
    /// Locks the events table.
    pub async fn on_all_events(database: &TestDatabase) -> Self {
        Self::on_all_events_with(database.connect().await).await
    }

    /// Locks the events table with this connection.
    pub async fn on_all_events_with(connection: PgConnection) -> Self {
        Self::acquire_with(connection, r#"lock table "Event" in access exclusive mode"#).await
    }

    /// Locks the users table.
    pub async fn on_all_users(database: &TestDatabase) -> Self {
        Self::acquire(database, r#"lock table "User" in access exclusive mode"#).await
    }

    /// Locks one event.
    pub async fn on_event(database: &TestDatabase, id: &str) -> Self {
        Self::acquire(database, &format!(r#"select from "Event" where id = '{id}' for update"#)).await
    }

    /// Claims an idempotency key for a create request from this caller.
    pub async fn on_create_key(database: &TestDatabase, caller: Uuid, key: &str) -> Self {
        let claim = format!(
            r#"insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
            values ('{caller}', 'Create', '{key}', decode(repeat('00', 32), 'hex'), gen_random_uuid(), '',
                now() + interval '1 minute')"#
        );
        Self::acquire(database, &claim).await
    }

    async fn acquire(database: &TestDatabase, statement: &str) -> Self {
        Self::acquire_with(database.connect().await, statement).await
    }

    async fn acquire_with(mut connection: PgConnection, statement: &str) -> Self {
        for statement in ["begin", statement] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        Self(connection)
    }

    /// Waits until a database client is blocked by this lock, and returns the client's TCP port.
    pub async fn blocked_client_port(&mut self) -> u16 {
        let blocked =
            "select client_port from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))";
        let port: i32 = wait_for_some("a client is blocked by the lock", async || {
            // Within a transaction, PostgreSQL caches the activity statistics, so the cache must be cleared.
            sqlx::query("select pg_stat_clear_snapshot()").execute(&mut self.0).await.unwrap();
            sqlx::query_scalar(blocked).fetch_optional(&mut self.0).await.unwrap()
        })
        .await;
        port.try_into().unwrap()
    }

    /// Releases the lock.
    pub async fn release(self) {
        self.0.close().await.unwrap();
    }
}

/// Waits until this many statements are blocked by a lock.
pub async fn wait_until_blocked(database: &TestDatabase, count: i64) {
    wait_until("statements are blocked", async || count_blocked(database, "0").await == count).await;
}

/// Waits until a statement has been blocked for longer than the threshold for slow statements.
pub async fn wait_until_slow(database: &TestDatabase) {
    wait_until("a statement is slow", async || count_blocked(database, "300 milliseconds").await > 0).await;
}

/// Waits until the services run no statement and no transaction in the database.
pub async fn wait_until_idle(database: &TestDatabase) {
    let busy = r#"pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and application_name like '%-service' and state <> 'idle'"#;
    wait_until("the services are idle in the database", async || count_rows(database, busy).await == 0).await;
}

async fn count_blocked(database: &TestDatabase, at_least: &str) -> i64 {
    let table = format!(
        "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' \
         and clock_timestamp() - query_start >= interval '{at_least}'"
    );
    count_rows(database, &table).await
}
