//! A database of its own for every test.
//!
//! The first test of a test binary starts a private PostgreSQL cluster and migrates a template in it
//! once; each test then clones the template, which takes some ten milliseconds. The cluster ends with
//! the test process, however that ends. `EVENTBOARD_PG_BIN` chooses the server binaries.
#![expect(clippy::expect_used, reason = "a test that cannot have its database fails here")]

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use eventboard_chassis::config::Env;
use eventboard_db::DatabaseConfig;
use private_postgres::{Cluster, find_binaries};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{Mutex, OnceCell};

const TEMPLATE: &str = "eventboard_template";

/// One database, empty but migrated.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// Clones the template.
    ///
    /// # Panics
    /// When there is no PostgreSQL to be found or it refuses.
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let cluster = cluster().await;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        clone_template(cluster, &name).await;
        Self { url: cluster.url(&name) }
    }

    /// Where it is: `postgres://user:password@host:port/name`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection outside of any service, to look at rows and to break things.
    ///
    /// # Panics
    /// When the database is away.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the test database is there")
    }
}

/// A cluster of a test's own, for tests that stop and start it; with a migrated database.
///
/// # Panics
/// When there is no PostgreSQL to be found.
pub async fn own_cluster() -> (Cluster, TestDatabase) {
    let cluster = start().await;
    let url = cluster.url(TEMPLATE);
    (cluster, TestDatabase { url })
}

async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(start).await
}

async fn start() -> Cluster {
    let binaries =
        find_binaries(&env::temp_dir().join("eventboard-postgres")).await.expect("server binaries");
    let cluster = Cluster::temporary(&binaries).await.expect("a cluster");
    cluster.create_database(TEMPLATE).await.expect("a template database");
    let mut env: Env = [("DATABASE_URL".to_owned(), cluster.url(TEMPLATE))].into_iter().collect();
    let config = DatabaseConfig::from_env(&mut env, "tests");
    eventboard_db::migrate(config.direct()).await.expect("the migrations apply");
    cluster
}

async fn clone_template(cluster: &Cluster, name: &str) {
    // A template can be cloned by one at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut admin = PgConnection::connect(&cluster.url("postgres")).await.expect("the cluster is there");
    let statement = format!("create database {name} template {TEMPLATE}");
    sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.expect("a clone of the template");
}
