//! The HTTP edge of EventBoard: JSON in and out, gRPC to the services.
//!
//! [`run`] is the whole gateway on a listener that somebody else bound, so that the process, the
//! tests and `eventboard up` boot the very same code.

mod app;
mod clients;
mod config;
mod extract;
mod gateway;
mod middleware;
mod openapi;
mod policy;
mod problem;
mod routes;
mod sessions;
#[cfg(test)]
mod testing;

use eventboard_chassis::{health::Health, server, shutdown::Shutdown};
use tokio::net::TcpListener;

use self::clients::Clients;
pub use self::{
    config::{AllowedOrigin, Config, RateLimit, RateLimitConfig, TrustedProxy},
    policy::{Policies, Policy},
};

/// The gateway as operators and logs know it.
pub const NAME: &str = "api-gateway";

/// Serves the API until the shutdown, and for as long as in-flight requests may take after it.
///
/// # Errors
/// When the listener fails.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    if config.token.is_publicly_known() {
        tracing::warn!("JWT_SECRET is a secret of the documentation: fit for development only");
    }
    let clients = Clients::new(&config);
    let health = Health::of_gateway(NAME, shutdown.clone(), clients.checks());
    let router = app::router(&config, clients, &health);
    server::serve_http(listener, router, shutdown).await;
    Ok(())
}

#[cfg(test)]
mod tests;
