//! The settings of a process for its database connections.

use std::{fmt, str::FromStr, time::Duration};

use eventboard_chassis::{
    config::{AppEnv, Env},
    server::MAX_DEADLINE,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

/// The database URL for the development compose file and for `eventboard up`.
const DEVELOPMENT_URL: &str = "postgres://eventboard:eventboard_dev_password@localhost:5432/eventboard_db";

/// Statements that take longer are logged as slow.
const SLOW_STATEMENT: Duration = Duration::from_millis(200);

/// The maximum duration of a statement. It is the longest deadline in the gateway's policy table.
pub(crate) const STATEMENT_TIMEOUT: Duration = MAX_DEADLINE;

/// How often PostgreSQL checks during a statement whether the client is still connected (PostgreSQL 14 and newer).
const CONNECTION_CHECK_INTERVAL: &str = "500ms";

/// The maximum of `DATABASE_ACQUIRE_TIMEOUT`. Together with the time to connect it must be shorter than the shortest
/// deadline in the gateway's policy table.
const MAX_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// PostgreSQL ends a session whose transaction is idle for this time, so that a frozen process does not keep its locks.
pub(crate) const IDLE_IN_TRANSACTION_TIMEOUT: &str = "2s";

/// The settings of a process for its database connections.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL` (or `DATABASE_URL_FILE`): the database of the service. Required in production.
    pub(crate) options: PgConnectOptions,
    /// `MIGRATE_DATABASE_URL` (or `…_FILE`): a direct connection for migrations, needed when `DATABASE_URL` is a
    /// pooler. Default: `DATABASE_URL`.
    pub(crate) direct: PgConnectOptions,
    /// The name of the connections in `pg_stat_activity` and in metrics.
    pub(crate) application: String,
    /// `DATABASE_MAX_CONNECTIONS` (default 10): the connections of this process. The health check uses one more.
    pub(crate) max_connections: u32,
    /// `DATABASE_ACQUIRE_TIMEOUT` (default 1s, at most 2s): how long a call waits for a connection before it fails
    /// with `Overloaded`.
    pub(crate) acquire_timeout: Duration,
    /// `DATABASE_MAX_WAITING` (default 512, like `MAX_CONCURRENT_REQUESTS`): how many calls may wait for a connection
    /// at the same time. Further calls fail immediately with `Overloaded`.
    pub(crate) max_waiting: u32,
    /// `DATABASE_PGBOUNCER` (default false): `DATABASE_URL` is a PgBouncer in transaction mode, version 1.21 or
    /// newer, with `max_prepared_statements` of at least 100.
    pub(crate) pgbouncer: bool,
}

impl DatabaseConfig {
    /// Reads the `DATABASE_*` variables. `application` is shown in `pg_stat_activity` and in metrics.
    pub fn from_env(env: &mut Env, application: &str) -> Self {
        let url = env.secret("DATABASE_URL");
        if url.is_none() && AppEnv::from_env(env) == AppEnv::Production {
            env.report_invalid("DATABASE_URL", "is required in production");
        }
        let url = url.unwrap_or_else(|| DEVELOPMENT_URL.into());
        let direct = env.secret("MIGRATE_DATABASE_URL");
        let pgbouncer = env.flag("DATABASE_PGBOUNCER", false);

        let options = connect_options(env, "DATABASE_URL", &url, application);
        let direct = direct.map(|url| connect_options(env, "MIGRATE_DATABASE_URL", &url, application));
        Self {
            direct: direct.unwrap_or_else(|| options.clone()),
            // A pooler rejects these options. Behind a pooler, each transaction sets the timeouts, and the database
            // role has default values for them.
            options: if pgbouncer { options } else { with_timeouts(options) },
            pgbouncer,
            application: application.to_owned(),
            max_connections: env.number("DATABASE_MAX_CONNECTIONS", 10, 1..=1000),
            acquire_timeout: acquire_timeout(env),
            max_waiting: env.number("DATABASE_MAX_WAITING", 512, 0..=100_000),
        }
    }

    /// Returns the options for the direct connection, which migrations and admin commands use.
    pub fn direct(&self) -> &PgConnectOptions {
        &self.direct
    }
}

/// Omits the password, which `PgConnectOptions` would print.
impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |options: &PgConnectOptions| {
            let database = options.get_database().unwrap_or_default();
            format!("{}:{}/{database}", options.get_host(), options.get_port())
        };
        f.debug_struct("DatabaseConfig")
            .field("address", &address(&self.options))
            .field("direct", &address(&self.direct))
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
        // The parser's error is not reported, because it may quote the password.
        env.report_invalid(variable, "must be a URL such as postgres://user:password@host:5432/database");
        PgConnectOptions::new_without_pgpass()
    });
    options
        .application_name(application)
        .log_statements(log::LevelFilter::Trace)
        .log_slow_statements(log::LevelFilter::Warn, SLOW_STATEMENT)
}

/// Reads the acquire timeout. It must be shorter than any deadline, so that a call that gets no connection still gets
/// its response in time.
fn acquire_timeout(env: &mut Env) -> Duration {
    let timeout = env.positive_duration("DATABASE_ACQUIRE_TIMEOUT", Duration::from_secs(1));
    if timeout > MAX_ACQUIRE_TIMEOUT {
        env.report_invalid("DATABASE_ACQUIRE_TIMEOUT", "must be at most 2s");
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
