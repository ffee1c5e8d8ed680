//! Where the database is and how much of it one process uses.

use std::{fmt, str::FromStr, time::Duration};

use eventboard_chassis::{
    config::{AppEnv, Env},
    server::MAX_DEADLINE,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

/// The database of the development compose file and of `eventboard up`.
const DEVELOPMENT_URL: &str = "postgres://eventboard:eventboard_dev_password@localhost:5432/eventboard_db";

/// A statement that takes longer is logged as slow.
const SLOW_STATEMENT: Duration = Duration::from_millis(200);

/// The longest any statement may run; the longest deadline of the gateway's policy table.
pub(crate) const STATEMENT_TIMEOUT: Duration = MAX_DEADLINE;

/// How soon the server notices that nobody waits for a running statement any more (PostgreSQL 14 and newer).
const CONNECTION_CHECK_INTERVAL: &str = "500ms";

/// Below the shortest deadline of the gateway's policy table, with the time that a connection may take to be made.
const MAX_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// A transaction whose process was frozen lets go of its locks after this time.
pub(crate) const IDLE_IN_TRANSACTION_TIMEOUT: &str = "2s";

/// Settings of one process's connections.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL` (or `DATABASE_URL_FILE`): where the service works. Required in production.
    pub(crate) options: PgConnectOptions,
    /// `MIGRATE_DATABASE_URL` (or `…_FILE`): a direct connection for migrations, where
    /// `DATABASE_URL` leads through a pooler. Default: `DATABASE_URL`.
    pub(crate) direct: PgConnectOptions,
    /// What `pg_stat_activity` and the metrics call these connections.
    pub(crate) application: String,
    /// `DATABASE_MAX_CONNECTIONS` (default 10): connections of this process. One more watches the
    /// database's health.
    pub(crate) max_connections: u32,
    /// `DATABASE_ACQUIRE_TIMEOUT` (default 1s): how long a call queues for a connection before it is
    /// shed; at most 2s.
    pub(crate) acquire_timeout: Duration,
    /// `DATABASE_MAX_WAITING` (default 512, as many as `MAX_CONCURRENT_REQUESTS`): calls that may queue at
    /// once; the rest is shed at once.
    pub(crate) max_waiting: u32,
    /// `DATABASE_PGBOUNCER` (default false): `DATABASE_URL` leads to a PgBouncer in transaction mode, of version
    /// 1.21 or newer with `max_prepared_statements` of at least 100.
    pub(crate) pgbouncer: bool,
}

impl DatabaseConfig {
    /// Reads the `DATABASE_*` variables; `application` is what `pg_stat_activity` and the metrics show.
    pub fn from_env(env: &mut Env, application: &str) -> Self {
        let url = env.secret("DATABASE_URL");
        if url.is_none() && AppEnv::from_env(env) == AppEnv::Production {
            env.fault("DATABASE_URL", "is required in production");
        }
        let url = url.unwrap_or_else(|| DEVELOPMENT_URL.into());
        let direct = env.secret("MIGRATE_DATABASE_URL");
        let pgbouncer = env.flag("DATABASE_PGBOUNCER", false);

        let options = connect_options(env, "DATABASE_URL", &url, application);
        let direct = direct.map(|url| connect_options(env, "MIGRATE_DATABASE_URL", &url, application));
        Self {
            direct: direct.unwrap_or_else(|| options.clone()),
            // A pooler takes no such options: there each transaction sets them, and the role has them.
            options: if pgbouncer { options } else { with_timeouts(options) },
            pgbouncer,
            application: application.to_owned(),
            max_connections: env.number("DATABASE_MAX_CONNECTIONS", 10, 1..=1000),
            acquire_timeout: acquire_timeout(env),
            max_waiting: env.number("DATABASE_MAX_WAITING", 512, 0..=100_000),
        }
    }

    /// The direct connection, for migrations and operators' commands.
    pub fn direct(&self) -> &PgConnectOptions {
        &self.direct
    }
}

/// Without the password, which the options would show.
impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |options: &PgConnectOptions| {
            let database = options.get_database().unwrap_or_default();
            format!("{}:{}/{database}", options.get_host(), options.get_port())
        };
        f.debug_struct("DatabaseConfig")
            .field("at", &at(&self.options))
            .field("direct", &at(&self.direct))
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("max_waiting", &self.max_waiting)
            .finish()
    }
}

fn connect_options(env: &mut Env, variable: &str, url: &SecretString, application: &str) -> PgConnectOptions {
    let url = url.expose_secret();
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let options = PgConnectOptions::from_str(url).ok().filter(|_| is_postgres).unwrap_or_else(|| {
        // The parser's own message may quote the password.
        env.fault(variable, "must be a URL such as postgres://user:password@host:5432/database");
        PgConnectOptions::new_without_pgpass()
    });
    options
        .application_name(application)
        .log_statements(log::LevelFilter::Trace)
        .log_slow_statements(log::LevelFilter::Warn, SLOW_STATEMENT)
}

/// Shorter than any deadline: a call is shed while its caller still waits for the answer.
fn acquire_timeout(env: &mut Env) -> Duration {
    let timeout = env.positive_duration("DATABASE_ACQUIRE_TIMEOUT", Duration::from_secs(1));
    if timeout > MAX_ACQUIRE_TIMEOUT {
        env.fault("DATABASE_ACQUIRE_TIMEOUT", "must be at most 2s");
    }
    timeout
}

fn with_timeouts(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("statement_timeout", format!("{}s", STATEMENT_TIMEOUT.as_secs()).as_str()),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
        ("client_connection_check_interval", CONNECTION_CHECK_INTERVAL),
    ])
}
