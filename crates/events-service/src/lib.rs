//! Events and their workflow: create, find, list, change, submit, approve, reject and delete. Every write with an
//! idempotency key is performed exactly once.
//!
//! `grpc` converts and validates messages. A use case in `use_cases` reads data, applies the domain rules and writes
//! the result. `store` contains the SQL.

mod copy;
mod cursor;
mod days;
mod fingerprint;
mod folding;
mod grpc;
mod listing;
mod message;
mod person;
mod queue;
mod store;
mod use_cases;

use std::time::Duration;

use eventboard_chassis::{
    config::{Env, ListenConfig},
    health::Health,
    quotas::quotas_from_env,
    server::{AddressLimit, Admission, GrpcServer, LoadConfig},
    shutdown::Shutdown,
    token::{TokenConfig, TokenVerifier},
    verified_email::require_verified_email_from_env,
};
use eventboard_db::{Database, DatabaseConfig};
use eventboard_domain::Quotas;
use eventboard_idempotency::{Idempotency, key_lifetime_from_env, sweep_expired_keys};
use eventboard_proto::events::events_service_server::EventsServiceServer;
use tokio::net::TcpListener;

use crate::{
    cursor::CursorSigner, folding::fold_events, grpc::EventsGrpc, store::Store, use_cases::EventUseCases,
};

/// The service's name in logs, health documents and `pg_stat_activity`.
pub const NAME: &str = "events-service";

/// The configuration of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on; the port is `EVENTS_SERVICE_PORT` (default 3002).
    pub listen: ListenConfig,
    /// The limit for concurrent requests.
    pub load: LoadConfig,
    /// The settings for verifying tokens.
    pub token: TokenConfig,
    /// The database connection.
    pub database: DatabaseConfig,
    /// `IDEMPOTENCY_TTL` (default 24h): how long a client's idempotency key is stored.
    pub idempotency_ttl: Duration,
    /// The limits of every organization.
    pub quotas: Quotas,
    /// `REQUIRE_VERIFIED_EMAIL` (default: true in production if `MAIL_FROM` is set): whether only users with a verified e-mail
    /// address may submit and decide.
    pub require_verified_email: bool,
}

impl Config {
    /// Reads the configuration from environment variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            listen: ListenConfig::from_env(env, "EVENTS_SERVICE_PORT", 3002),
            load: LoadConfig::from_env(env),
            token: TokenConfig::from_env(env),
            database: DatabaseConfig::from_env(env, NAME),
            idempotency_ttl: key_lifetime_from_env(env),
            quotas: quotas_from_env(env),
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
    let use_cases = EventUseCases {
        store: Store::new(database.clone()),
        idempotency: Idempotency::new(NAME, config.idempotency_ttl),
        cursors: CursorSigner::new(&config.token),
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
        tokio::join!(sweep_expired_keys(database.clone()), fold_events(database));
        anyhow::Ok(())
    };
    let grpc_service = EventsServiceServer::new(EventsGrpc::new(use_cases));
    tokio::select! {
        served = server.serve(listener, grpc_service, shutdown) => served,
        stopped = background => stopped,
    }
}
