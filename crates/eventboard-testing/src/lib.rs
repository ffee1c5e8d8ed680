//! Creates a separate database for every test.
//!
//! The first test of a test binary starts a private PostgreSQL server and migrates a template database on it. Each
//! test clones the template, which takes some ten milliseconds. The server ends when the test process ends, even if
//! that process is killed. The variable `EVENTBOARD_PG_BIN` selects the server binaries.
#![expect(clippy::expect_used, reason = "a test without its database fails here")]

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use eventboard_chassis::config::Env;
use eventboard_db::DatabaseConfig;
pub use private_postgres::Cluster;
use private_postgres::find_binaries;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{Mutex, OnceCell};

const TEMPLATE: &str = "eventboard_template";

/// The role of the services, as in production: it cannot change the schema.
const SERVICE_ROLE: &str = "eventboard_app";

/// A migrated database without rows.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    service_url: String,
}

impl TestDatabase {
    /// Creates a database by cloning the template.
    ///
    /// # Panics
    /// When no PostgreSQL is found or PostgreSQL rejects the command.
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let cluster = shared_cluster().await;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        clone_template(cluster, &name).await;
        Self::of(cluster, &name)
    }

    fn of(cluster: &Cluster, name: &str) -> Self {
        Self { url: cluster.url(name), service_url: service_url(cluster, name) }
    }

    /// The superuser's URL of the database: `postgres://user:password@host:port/name`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same URL for the role of the services, which can read and write but cannot change the schema.
    pub fn service_url(&self) -> &str {
        &self.service_url
    }

    /// Finds a text in all tables, in any letter case, as a text or within bytes. Returns the rows, each after the name of its table.
    ///
    /// # Panics
    /// When a table cannot be read.
    pub async fn rows_with(&self, text: &str) -> Vec<String> {
        let mut connection = self.connect().await;
        let tables = "select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace";
        let tables: Vec<String> =
            sqlx::query_scalar(tables).fetch_all(&mut connection).await.expect("the names of the tables");
        assert!(tables.len() > 14, "{tables:?}");
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut found = Vec::new();
        for table in tables {
            let rows = AssertSqlSafe(format!(
                r#"
                select '{table} ' || r::text from "{table}" r
                where strpos(lower(r::text), lower($1)) > 0 or strpos(r::text, $2) > 0
                "#
            ));
            let rows = sqlx::query_scalar::<_, String>(rows).bind(text).bind(&hex).fetch_all(&mut connection);
            found.extend(rows.await.expect("the rows of a table"));
        }
        found
    }

    /// Opens a superuser's connection for the test itself, to read rows and to inject faults.
    ///
    /// # Panics
    /// When the database is unavailable.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the test database is available")
    }

    /// Lets all idempotency keys expire.
    ///
    /// # Panics
    /// When the database is unavailable.
    pub async fn expire_keys(&self) {
        // The column rounds to milliseconds, so that now() could be in the future when the next statement asks.
        sqlx::raw_sql(r#"update "IdempotencyKey" set "expiresAt" = now() - interval '1 second'"#)
            .execute(&mut self.connect().await)
            .await
            .expect("the keys are updated");
    }
}

/// Starts a separate PostgreSQL server with a migrated database, for tests that stop and start the server.
///
/// # Panics
/// When no PostgreSQL is found.
pub async fn dedicated_cluster() -> (Cluster, TestDatabase) {
    let cluster = start_cluster().await;
    let database = TestDatabase::of(&cluster, TEMPLATE);
    (cluster, database)
}

/// The PostgreSQL server that all tests of this process share.
async fn shared_cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(start_cluster).await
}

async fn start_cluster() -> Cluster {
    let binaries =
        find_binaries(&env::temp_dir().join("eventboard-postgres")).await.expect("server binaries");
    let cluster = Cluster::temporary(&binaries).await.expect("a cluster");
    cluster.create_database(TEMPLATE).await.expect("a template database");
    let variables =
        [("DATABASE_URL", service_url(&cluster, TEMPLATE)), ("MIGRATE_DATABASE_URL", cluster.url(TEMPLATE))];
    let mut env: Env = variables.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    let config = DatabaseConfig::from_env(&mut env, "tests");
    eventboard_db::migrate(&config, &|_| {}).await.expect("the migrations apply");
    cluster
}

/// The URL for the role of the services. Its password need not be random, because the role cannot run programs.
fn service_url(cluster: &Cluster, database: &str) -> String {
    format!("postgres://{SERVICE_ROLE}:{SERVICE_ROLE}@127.0.0.1:{}/{database}", cluster.port())
}

async fn clone_template(cluster: &Cluster, name: &str) {
    // PostgreSQL cannot clone a template database several times concurrently.
    static CLONE_LOCK: Mutex<()> = Mutex::const_new(());
    let _guard = CLONE_LOCK.lock().await;
    let mut admin = PgConnection::connect(&cluster.url("postgres")).await.expect("the cluster is running");
    let statement = format!("create database {name} template {TEMPLATE}");
    sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.expect("a clone of the template");
}
