//! Authentication: signup and login. The service also checks that a token is still valid for its user.
//!
//! `grpc` converts messages, `use_cases` implements the operations and applies the domain rules, and `store` contains
//! the SQL. `password` hashes passwords. This is the service's only CPU-heavy work.

mod audit;
mod change;
mod cleanup;
mod grpc;
mod organization;
pub mod password;
mod session;
mod session_kind;
mod session_metrics;
mod store;
mod throttle;
mod use_cases;
mod user;

use std::time::Duration;

use eventboard_chassis::{
    config::{Env, ListenConfig, days},
    health::Health,
    link_token::LinkVerifier,
    quotas::quotas_from_env,
    refresh_token::RefreshKeys,
    server::{AddressLimit, Admission, GrpcServer, LoadConfig},
    shutdown::Shutdown,
    token::{TokenConfig, TokenIssuer, TokenVerifier},
    unsubscribe_token::UnsubscribeVerifier,
    verified_email::require_verified_email_from_env,
};
use eventboard_db::{Database, DatabaseConfig, delete_old_audit_entries};
use eventboard_domain::Quotas;
use eventboard_idempotency::{Idempotency, key_lifetime_from_env};
use eventboard_proto::auth::auth_service_server::AuthServiceServer;
use tokio::net::TcpListener;

pub use crate::session::SessionConfig;
use crate::{
    cleanup::delete_old_rows,
    grpc::AuthGrpc,
    password::{Argon2id, PasswordConfig, Passwords},
    session::SessionRules,
    session_metrics::SessionMetrics,
    store::Store,
    use_cases::{AuthUseCases, PasswordThrottle},
};

/// The service's name in logs, health documents and `pg_stat_activity`.
pub const NAME: &str = "auth-service";

/// Tokens store times in whole seconds (RFC 7519, section 2), so the shortest lifetime is one second.
const MIN_JWT_EXPIRY: Duration = Duration::from_secs(1);

/// The longest lifetime of a token.
const MAX_JWT_EXPIRY: Duration = days(365);

/// The range of `AUDIT_RETENTION`. The database refuses to delete a younger entry (`migrations/0017_audit.sql`).
const MIN_AUDIT_RETENTION: Duration = days(30);
const MAX_AUDIT_RETENTION: Duration = days(3650);

/// The configuration of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on; the port is `AUTH_SERVICE_PORT` (default 3001).
    pub listen: ListenConfig,
    /// The limit for concurrent requests.
    pub load: LoadConfig,
    /// The settings for signing and verifying tokens.
    pub token: TokenConfig,
    /// `JWT_EXPIRY` (default 1h): the lifetime of a token, in whole seconds.
    pub jwt_expiry: Duration,
    /// How long sessions last.
    pub sessions: SessionConfig,
    /// The limits for password hashing.
    pub password: PasswordConfig,
    /// The database connection.
    pub database: DatabaseConfig,
    /// The limits of every organization.
    pub quotas: Quotas,
    /// `AUDIT_RETENTION` (default 365d): how long an entry of the audit is stored.
    pub audit_retention: Duration,
    /// `IDEMPOTENCY_TTL` (default 24h): how long a client's idempotency key is stored.
    pub idempotency_ttl: Duration,
    /// `REQUIRE_VERIFIED_EMAIL` (default: true in production if `MAIL_FROM` is set): whether only users with a verified e-mail
    /// address may administer the organization.
    pub require_verified_email: bool,
}

impl Config {
    /// Reads the configuration from environment variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            listen: ListenConfig::from_env(env, "AUTH_SERVICE_PORT", 3001),
            load: LoadConfig::from_env(env),
            token: TokenConfig::from_env(env),
            jwt_expiry: env.duration(
                "JWT_EXPIRY",
                Duration::from_secs(60 * 60),
                MIN_JWT_EXPIRY..=MAX_JWT_EXPIRY,
            ),
            sessions: SessionConfig::from_env(env),
            password: PasswordConfig::from_env(env),
            database: DatabaseConfig::from_env(env, NAME),
            quotas: quotas_from_env(env),
            audit_retention: env.duration(
                "AUDIT_RETENTION",
                days(365),
                MIN_AUDIT_RETENTION..=MAX_AUDIT_RETENTION,
            ),
            idempotency_ttl: key_lifetime_from_env(env),
            require_verified_email: require_verified_email_from_env(env),
        }
    }
}

/// Runs the service on `listener` until shutdown.
///
/// # Errors
/// When the listener fails, or the database is reachable but unusable.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    if config.token.is_publicly_known() {
        tracing::warn!("JWT_SECRET is publicly known; set a custom secret");
    }
    let database = Database::open(config.database);
    let store = Store::new(database.clone());
    let use_cases = AuthUseCases {
        store: store.clone(),
        throttle: PasswordThrottle::new(store.clone(), &config.token.secret),
        passwords: Passwords::new(&config.password, Argon2id::default())?,
        issuer: TokenIssuer::new(&config.token, config.jwt_expiry),
        session_rules: SessionRules { config: config.sessions, keys: RefreshKeys::new(&config.token) },
        session_metrics: SessionMetrics::new(),
        link_verifier: LinkVerifier::new(&config.token),
        unsubscribe_verifier: UnsubscribeVerifier::new(&config.token),
        idempotency: Idempotency::new(NAME, config.idempotency_ttl),
        quotas: config.quotas,
        require_verified_email: config.require_verified_email,
    };
    let server = GrpcServer {
        service: NAME,
        verifier: TokenVerifier::new(&config.token),
        admission: Admission::new(config.load.max_concurrent_requests),
        addresses: AddressLimit::new(config.load.max_connections_per_address),
        health: Health::of_backend(NAME, shutdown.clone(), vec![database.health_check()]),
        descriptors: eventboard_proto::FILE_DESCRIPTOR_SET,
    };
    let background = async {
        database.prepare().await?;
        tokio::join!(delete_old_rows(store), delete_old_audit_entries(database, config.audit_retention),);
        anyhow::Ok(())
    };
    tokio::select! {
        served = server.serve(listener, AuthServiceServer::new(AuthGrpc::new(use_cases)), shutdown) => served,
        stopped = background => stopped,
    }
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::config;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, config::ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        config::read(variables.collect::<Env>().with("HOST", "127.0.0.1"), Config::from_env)
    }

    #[test]
    fn every_variable_has_a_default() {
        let config = read(&[]).expect("defaults");
        assert_eq!((config.listen.port, config.jwt_expiry), (3001, Duration::from_secs(3600)));
        assert_eq!(config.password.queue, 64);
        assert!((1..=4).contains(&config.password.concurrency));
        assert_eq!(config.password.min_strength, 0);
    }

    #[test]
    fn production_requires_passwords_that_are_not_easy_to_guess() {
        let production = [
            ("APP_ENV", "production"),
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
            ("DATABASE_URL", "postgres://db/x"),
        ];
        let min_strength = |variables: &[_]| {
            read(&[&production[..], variables].concat()).expect("a configuration").password.min_strength
        };
        assert_eq!(min_strength(&[]), 2);
        assert_eq!(min_strength(&[("PASSWORD_MIN_STRENGTH", "0")]), 0);
        assert!(read(&[("PASSWORD_MIN_STRENGTH", "5")]).is_err());
    }

    #[test]
    fn all_invalid_variables_are_reported_together() {
        let error = read(&[
            ("AUTH_SERVICE_PORT", "seventy"),
            ("JWT_EXPIRY", "10ms"),
            ("PASSWORD_HASH_CONCURRENCY", "0"),
            ("PASSWORD_HASH_QUEUE", "-1"),
        ]);
        let text = error.expect_err("four are invalid").to_string();
        for variable in
            ["AUTH_SERVICE_PORT", "JWT_EXPIRY", "PASSWORD_HASH_CONCURRENCY", "PASSWORD_HASH_QUEUE"]
        {
            assert!(text.contains(variable), "{text}");
        }
    }
}
