//! Serving: gRPC and plain HTTP/1.1 on one port, and plain HTTP on its own.

mod admission;
mod calls;
mod http;
mod served;

use std::{convert::Infallible, future::Future, io, net::SocketAddr, time::Duration};

use ::http::Request;
use anyhow::Context;
use axum::Router;
use rand::RngExt;
use tokio::net::{TcpListener, TcpSocket};
use tonic::{body::Body, server::NamedService, service::Routes, transport::server::TcpIncoming};
use tower::{Service, ServiceBuilder};

use self::served::Served;
pub use self::{
    admission::{Admission, shed_requests},
    calls::{Caller, Deadline, MAX_DEADLINE, verify_token},
    http::serve_http,
};
use crate::{
    config::{Env, ListenConfig},
    health::Health,
    layer::layer_fn,
    shutdown::{FINISH_WITHIN, Shutdown},
    token::TokenVerifier,
};

/// A connection is closed in good order after about this time, so that clients that do not look for new replicas spread
/// over them all the same. A tenth more or less, so that not all processes do it at once.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(600);

/// Calls on one connection at once. More than any service has room for: what is too much is to be shed, not to wait
/// unseen in the client.
const MAX_CONCURRENT_STREAMS: u32 = 100_000;

/// Calls that a gateway gave up before they were looked at. A replica that was stopped for a while finds all of them at
/// once; with the usual 20 it would end the connection.
const MAX_PENDING_RESETS: usize = 2048;

/// Connections that the system makes before they are accepted; the system may allow less (`net.core.somaxconn`, 4096). Who
/// finds no room there tries again after a second, which a health check takes for a failure.
const BACKLOG: u32 = 4096;

/// A peer that does not answer a ping is gone.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How much a service does at once.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// `MAX_CONCURRENT_REQUESTS` (default 512): requests in work at once; the rest is shed.
    pub max_concurrent_requests: u32,
}

impl LoadConfig {
    /// Reads `MAX_CONCURRENT_REQUESTS`.
    pub fn from_env(env: &mut Env) -> Self {
        Self { max_concurrent_requests: env.number("MAX_CONCURRENT_REQUESTS", 512, 1..=100_000) }
    }
}

/// Binds the port, so that a port in use stops the process with one clear line before anything else
/// is started.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(service: &str, config: &ListenConfig) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(config.host, config.port);
    let listener = listen(address)
        .with_context(|| format!("{service} cannot listen on {address}; is the port already in use?"))?;
    // The port of the listener: the one of the configuration may be 0, for any that is free.
    tracing::info!(service, address = %listener.local_addr()?, "Listening");
    Ok(listener)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted process takes its port over from connections that are still ending.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A gRPC service with everything around its methods.
pub struct GrpcServer {
    /// The process as operators know it, for example `events-service`.
    pub service: &'static str,
    /// Verifies the caller's token on every call.
    pub verifier: TokenVerifier,
    /// Bounds the calls in work.
    pub admission: Admission,
    /// Answers `/health` and gRPC health.
    pub health: Health,
    /// The descriptors for reflection.
    pub descriptors: &'static [u8],
}

impl GrpcServer {
    /// Serves until the shutdown and for as long as in-flight calls may take after it.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve<S>(self, listener: TcpListener, methods: S, shutdown: Shutdown) -> anyhow::Result<()>
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        let router = self.router(methods)?;
        let server = tonic::transport::Server::builder()
            // curl and container health checks speak HTTP/1.1 to the same port.
            .accept_http1(true)
            .max_connection_age(MAX_CONNECTION_AGE.mul_f64(rand::rng().random_range(0.9..1.1)))
            .max_concurrent_streams(Some(MAX_CONCURRENT_STREAMS))
            .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .serve_with_incoming_shutdown(
                Routes::from(router).prepare(),
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                {
                    let shutdown = shutdown.clone();
                    async move { shutdown.stopping().await }
                },
            );
        finish(shutdown, server).await.unwrap_or(Ok(())).context("the gRPC server failed")
    }

    fn router<S>(self, methods: S) -> anyhow::Result<Router>
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        let (reporter, grpc_health) = tonic_health::server::health_reporter();
        tokio::spawn(self.health.clone().report_over_grpc(reporter, S::NAME));
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(self.descriptors)
            .build_v1()
            .context("the gRPC descriptors are broken")?;

        let served = Served::new(self.service, self.descriptors)?;
        // A call gets its name in the log before anything can refuse it, a panic anywhere inside is one
        // failed call and not a broken connection, tokens are checked before room is given, and the
        // deadline covers only work that was let in. The layers stand around the routes and not on each:
        // axum clones a route with everything on it for every call, once for each of its layers.
        let methods = ServiceBuilder::new()
            .layer(layer_fn(served, calls::correlate))
            .layer(layer_fn((), calls::catch_panic))
            .layer(layer_fn(self.verifier, verify_token))
            .layer(layer_fn(self.admission, admission::admit_call))
            .layer(layer_fn((), calls::keep_deadline))
            .service(axum_service(methods));
        let infrastructure = Router::new()
            .route_service(&path_of(&grpc_health), axum_service(grpc_health))
            .route_service(&path_of(&reflection), axum_service(reflection));
        Ok(infrastructure.merge(self.health.routes()).fallback_service(methods))
    }
}

fn path_of<S: NamedService>(_: &S) -> String {
    format!("/{}/{{*method}}", S::NAME)
}

fn axum_service<S>(
    service: S,
) -> impl Service<axum::extract::Request, Response = S::Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
where
    S: Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    use tower::ServiceExt as _;
    service.map_request(|request: axum::extract::Request| request.map(Body::new))
}

/// Waits for the server, but after the shutdown no longer than in-flight work may take; `None` when that was too
/// short.
async fn finish<T>(shutdown: Shutdown, server: impl Future<Output = T>) -> Option<T> {
    let too_late = async {
        shutdown.stopping().await;
        tokio::time::sleep(FINISH_WITHIN).await;
    };
    tokio::select! {
        outcome = server => Some(outcome),
        () = too_late => {
            tracing::warn!("Some requests did not finish in time and were cut off");
            None
        }
    }
}
