//! Looking into the database, and getting in the services' way there.

use eventboard_testing::TestDatabase;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::waiting::until;

/// The number of rows in `table`, spelled as SQL wants it.
pub(crate) async fn rows(database: &TestDatabase, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(count).fetch_one(&mut database.connect().await).await.unwrap()
}

/// Runs a statement whose one parameter is an id.
pub(crate) async fn execute(database: &TestDatabase, statement: &'static str, id: Uuid) {
    let mut connection = database.connect().await;
    // A lock that is never given back fails the test instead of hanging it.
    sqlx::query("set statement_timeout = '60s'").execute(&mut connection).await.unwrap();
    let done = sqlx::query(statement).bind(id).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0, "{statement} meets nothing");
}

/// What the history tells of an event, in order.
pub(crate) async fn history(database: &TestDatabase, event: &str) -> Vec<String> {
    let statement = r#"select action from "EventHistory" where "eventId" = $1 order by id"#;
    let id: Uuid = event.parse().unwrap();
    sqlx::query_scalar(statement).bind(id).fetch_all(&mut database.connect().await).await.unwrap()
}

/// A lock on rows that somebody else holds; given back when it is dropped.
pub(crate) struct Lock(PgConnection);

impl Lock {
    /// Locks every event.
    pub(crate) async fn on_all_events(database: &TestDatabase) -> Self {
        Self::by(database, r#"lock table "Event" in access exclusive mode"#).await
    }

    /// Locks every user.
    pub(crate) async fn on_all_users(database: &TestDatabase) -> Self {
        Self::by(database, r#"lock table "User" in access exclusive mode"#).await
    }

    async fn by(database: &TestDatabase, statement: &'static str) -> Self {
        let mut connection = database.connect().await;
        for statement in ["begin", statement] {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        Self(connection)
    }

    pub(crate) async fn release(self) {
        self.0.close().await.unwrap();
    }
}

/// Waits until so many statements wait for a lock.
pub(crate) async fn until_waiting(database: &TestDatabase, count: i64) {
    until("statements wait for the lock", async || waiting(database, "0").await == count).await;
}

/// Waits until a statement has waited for longer than a slow one takes.
pub(crate) async fn until_slow(database: &TestDatabase) {
    until("a statement has become slow", async || waiting(database, "300 milliseconds").await > 0).await;
}

/// Waits until the services do nothing in the database any more.
pub(crate) async fn until_quiet(database: &TestDatabase) {
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
