//! Servers: gRPC with plain HTTP/1.1 on the same port, and plain HTTP.

mod admission;
mod call_observer;
mod calls;
mod http;

use std::{convert::Infallible, future::Future, io, net::SocketAddr, time::Duration};

use ::http::Request;
use anyhow::Context;
use axum::Router;
use rand::RngExt;
use tokio::net::{TcpListener, TcpSocket};
use tonic::{body::Body, server::NamedService, service::Routes, transport::server::TcpIncoming};
use tower::{Service, ServiceBuilder};

use self::call_observer::CallObserver;
pub use self::{
    admission::{Admission, shed_requests},
    calls::{Caller, Deadline, MAX_DEADLINE, verify_token},
    http::serve_http,
};
use crate::{
    config::{Env, ListenConfig},
    health::Health,
    layer::layer_fn,
    shutdown::{SHUTDOWN_TIMEOUT, Shutdown},
    token::TokenVerifier,
};

/// A connection is closed gracefully after about this time, so that clients without service discovery reconnect and
/// also use new replicas. The time varies by 10 %, so that not all processes close their connections at the same
/// time.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(600);

/// The maximum number of concurrent calls on one connection. It is higher than the limit of any service, so that the
/// service rejects excess calls and they do not wait unnoticed in the client.
const MAX_CONCURRENT_STREAMS: u32 = 100_000;

/// The maximum number of calls on one connection that were cancelled before the server accepted them. A replica that
/// was paused for a while receives all of them together. With the default limit of 20 it would close the connection.
const MAX_PENDING_RESETS: usize = 2048;

/// The length of the accept queue. The operating system may allow less (`net.core.somaxconn`, 4096). When the queue
/// is full, a client retries after a second. A health check regards this delay as a failure.
const BACKLOG: u32 = 4096;

/// The connection of a peer that does not answer a keepalive ping is closed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The load that a service accepts.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// `MAX_CONCURRENT_REQUESTS` (default 512): the maximum number of concurrent requests. Further requests are
    /// rejected.
    pub max_concurrent_requests: u32,
}

impl LoadConfig {
    /// Reads `MAX_CONCURRENT_REQUESTS`.
    pub fn from_env(env: &mut Env) -> Self {
        Self { max_concurrent_requests: env.number("MAX_CONCURRENT_REQUESTS", 512, 1..=100_000) }
    }
}

/// Binds the port. This happens before anything else starts. So if the port is in use, the process stops with one
/// clear line.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(service: &str, config: &ListenConfig) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(config.host, config.port);
    let listener = listen(address)
        .with_context(|| format!("{service} cannot listen on {address}; is the port already in use?"))?;
    // The port comes from the listener, because the configured port may be 0 (any free port).
    tracing::info!(service, address = %listener.local_addr()?, "Listening");
    Ok(listener)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Lets a restarted process bind the port while old connections are still closing (TIME_WAIT).
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A gRPC server: the layers around the methods of a service, health and reflection.
pub struct GrpcServer {
    /// The name of the service in logs, for example `events-service`.
    pub service: &'static str,
    /// Verifies the token of every call.
    pub verifier: TokenVerifier,
    /// Limits the concurrent calls.
    pub admission: Admission,
    /// Serves `/health` and gRPC health.
    pub health: Health,
    /// The encoded protobuf descriptors, for reflection and for the method names.
    pub descriptors: &'static [u8],
}

impl GrpcServer {
    /// Serves until the shutdown, and then until the calls in flight are finished or [`SHUTDOWN_TIMEOUT`] has passed.
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
            // curl and container health checks use HTTP/1.1 on the same port.
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
        run_until_shutdown(shutdown, server).await.unwrap_or(Ok(())).context("the gRPC server failed")
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
            .context("the gRPC descriptors are invalid")?;

        let observer = CallObserver::new(self.service, self.descriptors)?;
        // The order of the layers matters. Correlation is the outermost layer, so that rejected calls are also logged
        // with their correlation ID. A panic in any layer below fails one call and does not break the connection.
        // Tokens are verified before calls are admitted. The deadline applies only to admitted calls. The layers wrap
        // all routes together, because axum clones a route with its layers for every call, once for each layer.
        let methods = ServiceBuilder::new()
            .layer(layer_fn(observer, calls::correlate))
            .layer(layer_fn((), calls::catch_panic))
            .layer(layer_fn(self.verifier, verify_token))
            .layer(layer_fn(self.admission, admission::admit_call))
            .layer(layer_fn((), calls::enforce_deadline))
            .service(axum_service(methods));
        let infrastructure = Router::new()
            .route_service(&route_of(&grpc_health), axum_service(grpc_health))
            .route_service(&route_of(&reflection), axum_service(reflection));
        Ok(infrastructure.merge(self.health.routes()).fallback_service(methods))
    }
}

fn route_of<S: NamedService>(_: &S) -> String {
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

/// Runs the server until it ends, but at most [`SHUTDOWN_TIMEOUT`] after it has stopped accepting connections.
/// Returns `None` when that time has passed.
async fn run_until_shutdown<T>(shutdown: Shutdown, server: impl Future<Output = T>) -> Option<T> {
    let timeout = async {
        shutdown.stopping().await;
        tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        outcome = server => Some(outcome),
        () = timeout => {
            tracing::warn!("Some requests did not finish in time and were aborted");
            None
        }
    }
}
