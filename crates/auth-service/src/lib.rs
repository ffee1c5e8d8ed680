//! Who is calling: signup, login, and whether a token's user still is who the token says.
//!
//! A call comes in at `grpc`, is read by `wire`, worked on by `accounts` (what the domain decides) and kept by `store`;
//! `password` does the one thing here that is expensive.

mod accounts;
mod grpc;
pub mod password;
mod store;
mod user;
mod wire;

use std::{future, time::Duration};

use eventboard_chassis::{
    config::{Env, ListenConfig},
    health::Health,
    server::{Admission, GrpcServer, LoadConfig},
    shutdown::Shutdown,
    token::{TokenConfig, TokenIssuer, TokenVerifier},
};
use eventboard_db::{Database, DatabaseConfig};
use eventboard_proto::auth::auth_service_server::AuthServiceServer;
use tokio::net::TcpListener;

use crate::{
    accounts::Accounts,
    grpc::AuthGrpc,
    password::{Argon2id, PasswordConfig, Passwords},
    store::Store,
};

/// The service's name in logs, health documents and `pg_stat_activity`.
pub const NAME: &str = "auth-service";

/// Tokens tell time in whole seconds (RFC 7519, section 2), so none can live for less than one.
const MIN_JWT_EXPIRY: Duration = Duration::from_secs(1);

/// Everything that the service can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens: `AUTH_SERVICE_PORT` (default 3001).
    pub listen: ListenConfig,
    /// How much it does at once.
    pub load: LoadConfig,
    /// How it signs and verifies tokens.
    pub token: TokenConfig,
    /// `JWT_EXPIRY` (default 1h): how long a token lives, in whole seconds.
    pub jwt_expiry: Duration,
    /// How many passwords it hashes at once.
    pub password: PasswordConfig,
    /// Where its data are.
    pub database: DatabaseConfig,
}

impl Config {
    /// Reads the service's variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            listen: ListenConfig::from_env(env, "AUTH_SERVICE_PORT", 3001),
            load: LoadConfig::from_env(env),
            token: TokenConfig::from_env(env),
            jwt_expiry: jwt_expiry(env),
            password: PasswordConfig::from_env(env),
            database: DatabaseConfig::from_env(env, NAME),
        }
    }
}

fn jwt_expiry(env: &mut Env) -> Duration {
    let expiry = env.duration("JWT_EXPIRY", Duration::from_secs(60 * 60));
    if expiry < MIN_JWT_EXPIRY {
        env.fault("JWT_EXPIRY", "must be at least 1s");
    }
    expiry
}

/// Serves on `listener` until the shutdown.
///
/// # Errors
/// When the listener fails, or the database is there but cannot be used.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    if config.token.is_publicly_known() {
        tracing::warn!("JWT_SECRET is a secret that everybody knows; set one of your own");
    }
    let database = Database::open(config.database);
    let accounts = Accounts {
        store: Store::new(database.clone()),
        passwords: Passwords::new(&config.password, Argon2id::default())?,
        issuer: TokenIssuer::new(&config.token, config.jwt_expiry),
    };
    let server = GrpcServer {
        service: NAME,
        verifier: TokenVerifier::new(&config.token),
        admission: Admission::new(config.load.max_concurrent_requests),
        health: Health::of_backend(NAME, shutdown.clone(), vec![database.check()]),
        descriptors: eventboard_proto::FILE_DESCRIPTOR_SET,
    };
    tokio::select! {
        served = server.serve(listener, AuthServiceServer::new(AuthGrpc::new(accounts)), shutdown) => served,
        unusable = prepare(database) => unusable,
    }
}

/// Completes only when the database cannot be used, however long one waits.
async fn prepare(database: Database) -> anyhow::Result<()> {
    database.prepare().await?;
    future::pending().await
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::config;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, config::ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        config::read(variables.collect(), Config::from_env)
    }

    #[test]
    fn the_defaults_need_no_variable_at_all() {
        let config = read(&[]).expect("defaults");
        assert_eq!((config.listen.port, config.jwt_expiry), (3001, Duration::from_secs(3600)));
        assert_eq!(config.password.queue, 64);
        assert!((1..=4).contains(&config.password.concurrency));
    }

    #[test]
    fn every_bad_variable_is_named_at_once() {
        let error = read(&[
            ("AUTH_SERVICE_PORT", "seventy"),
            ("JWT_EXPIRY", "10ms"),
            ("PASSWORD_HASH_CONCURRENCY", "0"),
            ("PASSWORD_HASH_QUEUE", "-1"),
        ]);
        let text = error.expect_err("four are bad").to_string();
        for variable in
            ["AUTH_SERVICE_PORT", "JWT_EXPIRY", "PASSWORD_HASH_CONCURRENCY", "PASSWORD_HASH_QUEUE"]
        {
            assert!(text.contains(variable), "{text}");
        }
    }
}
