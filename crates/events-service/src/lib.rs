//! Events and their life: create, find, change, submit, approve, reject, delete; every keyed write
//! exactly once.
//!
//! A call comes in at `grpc`, which reads its message; a use case finds, asks the domain to decide, and has the `store`
//! write.

mod cursor;
mod fingerprint;
mod grpc;
mod listing;
mod message;
mod store;
mod use_cases;

use std::time::Duration;

use eventboard_chassis::{
    config::{Env, ListenConfig},
    health::Health,
    server::{Admission, GrpcServer, LoadConfig},
    shutdown::Shutdown,
    token::{TokenConfig, TokenVerifier},
};
use eventboard_db::{Database, DatabaseConfig};
use eventboard_idempotency::{Idempotency, sweep_expired_keys};
use eventboard_proto::events::events_service_server::EventsServiceServer;
use tokio::net::TcpListener;

use crate::{cursor::CursorSigner, grpc::EventsGrpc, store::Store, use_cases::Events};

/// The service's name in logs, health documents and `pg_stat_activity`.
pub const NAME: &str = "events-service";

/// Everything that the service can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens: `EVENTS_SERVICE_PORT` (default 3002).
    pub listen: ListenConfig,
    /// How much it does at once.
    pub load: LoadConfig,
    /// How it verifies tokens.
    pub token: TokenConfig,
    /// Where its data are.
    pub database: DatabaseConfig,
    /// `IDEMPOTENCY_TTL` (default 24h): how long a client's idempotency key is remembered.
    pub idempotency_ttl: Duration,
}

impl Config {
    /// Reads the service's variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            listen: ListenConfig::from_env(env, "EVENTS_SERVICE_PORT", 3002),
            load: LoadConfig::from_env(env),
            token: TokenConfig::from_env(env),
            database: DatabaseConfig::from_env(env, NAME),
            idempotency_ttl: env.positive_duration("IDEMPOTENCY_TTL", Duration::from_secs(24 * 60 * 60)),
        }
    }
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
    let events = Events {
        store: Store::new(database.clone()),
        idempotency: Idempotency::new(NAME, config.idempotency_ttl),
        cursors: CursorSigner::new(&config.token),
    };
    let server = GrpcServer {
        service: NAME,
        verifier: TokenVerifier::new(&config.token),
        admission: Admission::new(config.load.max_concurrent_requests),
        health: Health::of_backend(NAME, shutdown.clone(), vec![database.check()]),
        descriptors: eventboard_proto::FILE_DESCRIPTOR_SET,
    };
    let background = async {
        database.prepare().await?;
        sweep_expired_keys(database).await;
        anyhow::Ok(())
    };
    tokio::select! {
        served = server.serve(listener, EventsServiceServer::new(EventsGrpc::new(events)), shutdown) => served,
        stopped = background => stopped,
    }
}
