//! The settings of a process for its database connections.

use std::{fmt, str::FromStr, time::Duration};

use eventboard_chassis::{
    config::{AppEnv, Env},
    server::MAX_DEADLINE,
};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use stringprep::saslprep;
use tracing::subscriber::NoSubscriber;
use url::Url;

/// The database URL for the development compose file and for `eventboard up`.
const DEVELOPMENT_URL: &str = "postgres://eventboard:eventboard_dev_password@localhost:5432/eventboard_db";

/// Statements that take longer are logged as slow.
const SLOW_STATEMENT: Duration = Duration::from_millis(200);

/// The maximum duration of a statement. It is the longest deadline in the gateway's policy table.
pub(crate) const STATEMENT_TIMEOUT: Duration = MAX_DEADLINE;

/// How often PostgreSQL checks during a statement whether the client is still connected (PostgreSQL 14 and newer).
const CONNECTION_CHECK_INTERVAL: &str = "500ms";

/// The minimum of `DATABASE_ACQUIRE_TIMEOUT`. With a shorter one, hardly any call that waits would get a connection.
const MIN_ACQUIRE_TIMEOUT: Duration = Duration::from_millis(10);

/// The maximum of `DATABASE_ACQUIRE_TIMEOUT`. Together with the time to connect it must be shorter than the shortest
/// deadline in the gateway's policy table.
const MAX_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// PostgreSQL ends a session whose transaction is idle for this time, so that a frozen process does not keep its locks.
pub(crate) const IDLE_IN_TRANSACTION_TIMEOUT: &str = "2s";

/// Keep PostgreSQL from other plans than those that its statements are written for: each reads a few rows from one index,
/// in the order of that index if it has an `order by`. With wrong statistics, it would read and sort a whole
/// organization instead. PostgreSQL does not forbid such a plan, but takes it only when there is no other one.
pub(crate) const PLANNER_SETTINGS: [(&str, &str); 6] = [
    ("enable_sort", "off"),
    ("enable_incremental_sort", "off"),
    ("enable_seqscan", "off"),
    // It collects all rows before it returns the first one.
    ("enable_bitmapscan", "off"),
    // Starting processes and compiling expressions takes longer than any of these statements.
    ("max_parallel_workers_per_gather", "0"),
    ("jit", "off"),
];

/// Beginnings of the passwords in the files of this repository, which are therefore publicly known.
const KNOWN_PASSWORD_PREFIXES: [&str; 2] = ["eventboard_dev", "eventboard-demonstration"];

/// The settings of a process for its database connections.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL` (or `DATABASE_URL_FILE`): the database of the service. Required in production.
    /// `DATABASE_PASSWORD` (or `…_FILE`) replaces the password in the URL, so that it needs no percent-encoding.
    pub(crate) options: PgConnectOptions,
    /// `MIGRATE_DATABASE_URL` (or `…_FILE`): a direct connection for migrations. Its role may change the schema, or it
    /// is needed because `DATABASE_URL` is a pooler. Default: `DATABASE_URL`. `MIGRATE_DATABASE_PASSWORD` (or
    /// `…_FILE`) replaces the password in the URL.
    pub(crate) direct: PgConnectOptions,
    /// The role in `DATABASE_URL`, if `MIGRATE_DATABASE_URL` has another one. The migrating process then sets it up.
    pub(crate) app_role: Option<AppRole>,
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

/// The role that reads and writes, but cannot change the schema.
#[derive(Clone)]
pub(crate) struct AppRole {
    pub(crate) name: String,
    /// Absent if the role logs in without a password, for example with a certificate.
    pub(crate) password: Option<SecretString>,
    /// Whether the role connects through a pooler, and therefore needs its timeouts as its own settings.
    pub(crate) is_pooled: bool,
}

impl DatabaseConfig {
    /// Reads the `DATABASE_*` variables. `application` is shown in `pg_stat_activity` and in metrics.
    pub fn from_env(env: &mut Env, application: &str) -> Self {
        let url = env.secret("DATABASE_URL");
        let is_production = AppEnv::from_env(env) == AppEnv::Production;
        if url.is_none() && is_production {
            env.report_invalid("DATABASE_URL", "is required in production");
        }
        let url = url.unwrap_or_else(|| DEVELOPMENT_URL.into());
        let password = env.secret("DATABASE_PASSWORD");
        let migrate_url = env.secret("MIGRATE_DATABASE_URL");
        let migrate_password = env.secret("MIGRATE_DATABASE_PASSWORD");
        if migrate_password.is_some() && migrate_url.is_none() {
            env.report_invalid("MIGRATE_DATABASE_PASSWORD", "needs MIGRATE_DATABASE_URL");
        }
        let pgbouncer = env.flag("DATABASE_PGBOUNCER", false);

        let (options, password) = connect_options(env, "DATABASE_URL", &url, password, application);
        let (direct, migrate_password) = migrate_url.map_or_else(
            || (options.clone(), None),
            |url| connect_options(env, "MIGRATE_DATABASE_URL", &url, migrate_password, application),
        );
        let has_own_role = direct.get_username() != options.get_username();
        let passwords = [("DATABASE_PASSWORD", &password), ("MIGRATE_DATABASE_PASSWORD", &migrate_password)];
        for (name, password) in passwords {
            if has_own_role && is_production && password.as_ref().is_some_and(is_publicly_known) {
                env.report_invalid(name, "must not be a password from the documentation in production");
            }
        }
        let app_role = has_own_role.then(|| AppRole {
            name: options.get_username().to_owned(),
            password,
            is_pooled: pgbouncer,
        });
        Self {
            direct,
            app_role,
            // A pooler rejects these options. Behind a pooler, each transaction sets the timeouts, and the database
            // role has default values for them.
            options: if pgbouncer { options } else { with_session_settings(options) },
            pgbouncer,
            application: application.to_owned(),
            max_connections: env.number("DATABASE_MAX_CONNECTIONS", 10, 1..=1000),
            acquire_timeout: env.duration(
                "DATABASE_ACQUIRE_TIMEOUT",
                Duration::from_secs(1),
                MIN_ACQUIRE_TIMEOUT..=MAX_ACQUIRE_TIMEOUT,
            ),
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

/// Parses a URL. Returns the options, and the password that the process logs in with. `password` replaces the one in
/// the URL.
fn connect_options(
    env: &mut Env,
    variable: &str,
    url: &SecretString,
    password: Option<SecretString>,
    application: &str,
) -> (PgConnectOptions, Option<SecretString>) {
    let parsed = parse(url.expose_secret()).unwrap_or_else(|| {
        // The parser's error is not reported, because it may quote the password.
        let message = "must be a URL such as postgres://user:password@host:5432/database; set a password with \
            special characters in ";
        let password_variable = variable.replace("URL", "PASSWORD");
        env.report_invalid(variable, &format!("{message}{password_variable}"));
        (PgConnectOptions::new_without_pgpass(), None)
    });
    let (mut options, password) = (parsed.0, password.or(parsed.1));
    if let Some(password) = &password {
        // RFC 7677, section 3. The client refuses such a password only when it logs in, and its message contains a part.
        if saslprep(password.expose_secret()).is_err() {
            let message = "must have only characters that RFC 4013 allows in a password";
            env.report_invalid(&variable.replace("URL", "PASSWORD"), message);
        }
        options = options.password(password.expose_secret());
    }
    let options = options
        .application_name(application)
        .log_statements(log::LevelFilter::Trace)
        .log_slow_statements(log::LevelFilter::Warn, SLOW_STATEMENT);
    (options, password)
}

/// Returns the options and the password in the URL. `None` if it is not the URL of a PostgreSQL database.
fn parse(text: &str) -> Option<(PgConnectOptions, Option<SecretString>)> {
    let url = Url::parse(text).ok().filter(|url| ["postgres", "postgresql"].contains(&url.scheme()))?;
    // Everything before the last @ belongs to the user and the password. If an @ comes later, the password contains
    // a character that ended it too early, so that its beginning would be taken for a host and a port.
    let has_user = !url.username().is_empty() || url.query_pairs().any(|(name, _)| name == "user");
    let is_cut = url.fragment().is_some()
        || [url.path(), url.query().unwrap_or_default()].iter().any(|part| part.contains('@'))
        || (!has_user && text.contains('@'));
    // A password there would not be that of the role that `eventboard migrate` creates.
    if is_cut || url.query_pairs().any(|(name, _)| name == "password") {
        return None;
    }
    // The parser logs parameters that it does not know, with their values.
    let parse = || PgConnectOptions::from_str(text);
    let options = tracing::subscriber::with_default(NoSubscriber::new(), parse).ok()?;
    let encoded = url.password().map(|password| percent_decode_str(password).decode_utf8());
    let password = encoded.transpose().ok()?.map(|password| SecretString::from(&*password));
    Some((options, password))
}

fn is_publicly_known(password: &SecretString) -> bool {
    KNOWN_PASSWORD_PREFIXES.iter().any(|known| password.expose_secret().starts_with(known))
}

fn with_session_settings(options: PgConnectOptions) -> PgConnectOptions {
    options
        .options([
            ("statement_timeout", format!("{}s", STATEMENT_TIMEOUT.as_secs()).as_str()),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
            ("client_connection_check_interval", CONNECTION_CHECK_INTERVAL),
        ])
        .options(PLANNER_SETTINGS)
}
