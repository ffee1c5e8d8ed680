//! EventBoard's HTTP API: it speaks JSON with clients and gRPC with the services.
//!
//! [`run`] serves the whole gateway on a listener that the caller has bound. The binary, the tests and `eventboard
//! up` all call it, so they run the same code.

mod accept;
mod app;
mod config;
mod entity_tag;
mod extract;
mod middleware;
mod openapi;
mod policy;
mod problem;
mod quoted;
mod routes;
mod state;
#[cfg(test)]
mod testing;
mod user_validator;
mod weight;

use eventboard_chassis::{
    health::Health,
    server::{self, AddressLimit},
    shutdown::Shutdown,
};
use tokio::net::TcpListener;

pub use self::{
    config::{AllowedOrigin, Config, ForwardingHeader, RateLimit, RateLimitConfig, TrustedProxy},
    policy::{OperationPolicy, Policies},
};

/// The name of the gateway in logs, metrics and health documents.
pub const NAME: &str = "api-gateway";

/// Serves the API until the shutdown has drained it, as [`server::serve_http`] describes.
///
/// # Errors
/// Only because of a defect in the routes.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    if config.token.is_publicly_known() {
        tracing::warn!("JWT_SECRET is a secret from the documentation; use it for development only");
    }
    if config.board.is_none() {
        tracing::warn!("PUBLIC_URL does not begin with https://, so there is no board at /board");
    }
    let clients = config.clients();
    let health = Health::of_gateway(NAME, shutdown.clone(), clients.checks());
    let router = app::router(&config, clients, &health, shutdown.clone())?;
    let addresses = address_limit(&config);
    server::serve_http(listener, router, addresses, config.keep_alive_timeout, shutdown).await;
    Ok(())
}

/// The limit for the connections of one address. Trusted proxies connect for many clients, and limit these themselves.
fn address_limit(config: &Config) -> AddressLimit {
    let proxies = config.trusted_proxies.clone();
    AddressLimit::new(config.load.max_connections_per_address)
        .except(move |address| proxies.iter().any(|proxy| proxy.contains(address)))
}

#[cfg(test)]
mod tests;
