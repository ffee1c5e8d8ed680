//! The settings of `up`, from the environment and from defaults for `up`.

use std::net::SocketAddr;

use eventboard_chassis::{
    config::{self, AppEnv, ConfigError, Env},
    metrics_endpoint::MetricsConfig,
    telemetry::TelemetryConfig,
};

use crate::{database::Home, dotenv};

/// Defaults for local use by one person. The environment takes precedence.
const DEFAULTS: [(&str, &str); 6] = [
    ("HOST", "127.0.0.1"),
    ("LOG_FORMAT", "text"),
    ("RUST_LOG", LOG_FILTER),
    ("DRAIN_GRACE", "0s"),
    ("RATE_LIMIT_IP_MAX", "100000"),
    ("RATE_LIMIT_USER_MAX", "100000"),
];

/// Hides the retries of a failing download, because they would hide the error that says what to do. Hides
/// PostgreSQL's notices about a schema that already exists.
const LOG_FILTER: &str = "info,reqwest_retry=off,sqlx::postgres::notice=warn";

/// The database URL until the private PostgreSQL has a port, so that all other settings can be validated first.
const PLACEHOLDER_URL: &str = "postgres://eventboard@127.0.0.1/eventboard_db";

/// The address of each service until it listens. `AUTH_SERVICE_PORT` and `EVENTS_SERVICE_PORT` can be 0 here.
const PLACEHOLDER_ADDRESS: &str = "localhost:1";

/// If one of these is set, `up` does not start a private PostgreSQL.
const DATABASE_VARIABLES: [&str; 2] = ["DATABASE_URL", "DATABASE_URL_FILE"];

/// If one of these is set, mails go to a server.
const SERVER_VARIABLES: [&str; 2] = ["SMTP_URL", "SMTP_URL_FILE"];

/// Connection settings that apply to an external database and are ignored for the private PostgreSQL.
const EXTERNAL_DATABASE_VARIABLES: [&str; 8] = [
    "DATABASE_URL_FILE",
    "DATABASE_PASSWORD",
    "DATABASE_PASSWORD_FILE",
    "MIGRATE_DATABASE_URL",
    "MIGRATE_DATABASE_URL_FILE",
    "MIGRATE_DATABASE_PASSWORD",
    "MIGRATE_DATABASE_PASSWORD_FILE",
    "DATABASE_PGBOUNCER",
];

/// All settings that are read at start, except the logging settings.
pub(super) struct Settings {
    pub metrics: MetricsConfig,
    pub app_env: AppEnv,
    pub home: Home,
    /// Whether `up` starts a private PostgreSQL, because `DATABASE_URL` is not set.
    pub uses_private_cluster: bool,
    /// The folder for mails. `None` if they go to a server.
    pub mail_folder: Option<String>,
    pub services: Services,
}

/// One configuration for each service.
pub(super) struct Services {
    pub auth: auth_service::Config,
    pub events: events_service::Config,
    pub notification: notification_service::Config,
    pub gateway: api_gateway::Config,
}

/// The addresses of the services.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub gateway: SocketAddr,
    pub auth: SocketAddr,
    pub events: SocketAddr,
    pub notification: SocketAddr,
}

impl Settings {
    /// Reads and validates all settings.
    pub(super) fn read() -> Result<(TelemetryConfig, Self), ConfigError> {
        let process = dotenv::environment();
        let uses_private_cluster = DATABASE_VARIABLES.iter().all(|name| !process.is_set(name));
        let placeholder_url = uses_private_cluster.then_some(PLACEHOLDER_URL);
        config::read(environment(placeholder_url, None), |env| {
            let settings = Self {
                metrics: MetricsConfig::from_env(env),
                app_env: AppEnv::from_env(env),
                home: Home::from_env(env),
                uses_private_cluster,
                mail_folder: env.get("MAIL_FOLDER"),
                services: Services::from_env(env),
            };
            (TelemetryConfig::from_env(env), settings)
        })
    }
}

impl Services {
    /// Reads the settings again, now with the actual addresses of the private PostgreSQL (if any) and the services.
    pub(super) fn with_addresses(
        private_url: Option<&str>,
        addresses: Addresses,
    ) -> Result<Self, ConfigError> {
        config::read(environment(private_url, Some(addresses)), Self::from_env)
    }

    fn from_env(env: &mut Env) -> Self {
        Self {
            auth: auth_service::Config::from_env(env),
            events: events_service::Config::from_env(env),
            notification: notification_service::Config::from_env(env),
            gateway: api_gateway::Config::from_env(env),
        }
    }
}

/// The environment, overridden with the addresses that this process knows. This is needed because `.env` may contain
/// host names that exist only in containers.
fn environment(private_url: Option<&str>, addresses: Option<Addresses>) -> Env {
    let mut env = dotenv::environment();
    if let Some(url) = private_url {
        let without = EXTERNAL_DATABASE_VARIABLES.iter().fold(env, |env, name| env.without(name));
        env = without.with("DATABASE_URL", url);
    }
    // The value includes the port, because each host may have one.
    let address = |of: fn(Addresses) -> SocketAddr| {
        addresses.map_or_else(|| PLACEHOLDER_ADDRESS.to_owned(), |addresses| of(addresses).to_string())
    };
    let env = with_mail_folder(env)
        .with("AUTH_SERVICE_HOST", address(|addresses| addresses.auth))
        .with("EVENTS_SERVICE_HOST", address(|addresses| addresses.events));
    DEFAULTS.iter().fold(env, |env, (name, value)| env.with_default(name, *value))
}

/// Sets the folder for mails, unless they go to a server.
fn with_mail_folder(mut env: Env) -> Env {
    if SERVER_VARIABLES.iter().any(|name| env.is_set(name)) {
        return env;
    }
    let folder = Home::from_env(&mut env).mail_folder();
    env.with_default("MAIL_FOLDER", folder)
}
