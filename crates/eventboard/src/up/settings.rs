//! What `up` is told by the environment, and what it decides itself.

use std::{collections::HashMap, env, net::SocketAddr};

use eventboard_chassis::{
    config::{self, AppEnv, ConfigError, Env},
    metrics_endpoint::MetricsConfig,
    telemetry::TelemetryConfig,
};

use crate::database::Home;

/// For one person on one machine; the environment goes first.
const DEFAULTS: [(&str, &str); 6] = [
    ("HOST", "127.0.0.1"),
    ("LOG_FORMAT", "text"),
    ("RUST_LOG", LOG_FILTER),
    ("DRAIN_GRACE", "0s"),
    ("RATE_LIMIT_IP_MAX", "100000"),
    ("RATE_LIMIT_USER_MAX", "100000"),
];

/// Without the retries of a download that cannot work, which hide the error that says what to do, and
/// without what PostgreSQL remarks on a schema that is there already.
const LOG_FILTER: &str = "info,reqwest_retry=off,sqlx::postgres::notice=warn";

/// Stands in until the private cluster has its port, so that everything else can be checked first.
const NOT_STARTED: &str = "postgres://eventboard@127.0.0.1/eventboard_db";

/// Ways to name a database that `up` does not have to start.
const DATABASE_VARIABLES: [&str; 2] = ["DATABASE_URL", "DATABASE_URL_FILE"];

/// Settings of connections that mean the database of the environment and not the private one.
const NOT_FOR_PRIVATE: [&str; 4] =
    ["DATABASE_URL_FILE", "MIGRATE_DATABASE_URL", "MIGRATE_DATABASE_URL_FILE", "DATABASE_PGBOUNCER"];

/// Everything that is read at start, but for the log.
pub(super) struct Settings {
    pub metrics: MetricsConfig,
    pub app_env: AppEnv,
    pub home: Home,
    /// Whether PostgreSQL is ours to start, for want of `DATABASE_URL`.
    pub uses_private_cluster: bool,
    pub services: Services,
}

/// One configuration for each service.
pub(super) struct Services {
    pub auth: auth_service::Config,
    pub events: events_service::Config,
    pub gateway: api_gateway::Config,
}

/// Where the listeners are that the services serve on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub gateway: SocketAddr,
    pub auth: SocketAddr,
    pub events: SocketAddr,
}

impl Settings {
    /// Reads and checks all of it.
    pub(super) fn read() -> Result<(TelemetryConfig, Self), ConfigError> {
        let process = Env::of_process();
        let uses_private_cluster = DATABASE_VARIABLES.iter().all(|name| process.get(name).is_none());
        let not_started = uses_private_cluster.then_some(NOT_STARTED);
        config::read(environment(not_started, None), |env| {
            let settings = Self {
                metrics: MetricsConfig::from_env(env),
                app_env: AppEnv::from_env(env),
                home: Home::from_env(env),
                uses_private_cluster,
                services: Services::from_env(env),
            };
            (TelemetryConfig::from_env(env), settings)
        })
    }
}

impl Services {
    /// Reads them again now that it is known where the private cluster (if any) and the services are.
    pub(super) fn at(private_url: Option<&str>, addresses: Addresses) -> Result<Self, ConfigError> {
        config::read(environment(private_url, Some(addresses)), Self::from_env)
    }

    fn from_env(env: &mut Env) -> Self {
        Self {
            auth: auth_service::Config::from_env(env),
            events: events_service::Config::from_env(env),
            gateway: api_gateway::Config::from_env(env),
        }
    }
}

/// The environment with what this process knows better: a `.env` that is also meant for containers
/// names hosts that exist only there.
fn environment(private_url: Option<&str>, addresses: Option<Addresses>) -> Env {
    let mut variables: HashMap<String, String> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    if let Some(url) = private_url {
        variables.retain(|name, _| !NOT_FOR_PRIVATE.contains(&name.as_str()));
        variables.insert("DATABASE_URL".into(), url.into());
    }
    variables.insert("AUTH_SERVICE_HOST".into(), "localhost".into());
    variables.insert("EVENTS_SERVICE_HOST".into(), "localhost".into());
    if let Some(addresses) = addresses {
        // A host may bring its port along.
        variables.insert("AUTH_SERVICE_HOST".into(), addresses.auth.to_string());
        variables.insert("EVENTS_SERVICE_HOST".into(), addresses.events.to_string());
    }
    let env = Env::from_iter(variables);
    DEFAULTS.iter().fold(env, |env, (name, value)| env.with_default(name, *value))
}
