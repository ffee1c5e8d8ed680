//! Servers: gRPC with plain HTTP/1.1 on the same port, and plain HTTP. All ports have the same accept loop
//! (`listener`), and end connections that exceed a limit (`connection`).

mod activity;
mod address_limit;
mod admission;
mod body;
mod call_observer;
mod calls;
mod connectable;
mod connection;
mod connection_limits;
mod exchange;
mod grpc_health;
mod host;
mod incoming;
mod infrastructure;
mod keep_alive;
mod listener;
mod origin;
mod request_body;

use std::{convert::Infallible, net::SocketAddr};

use anyhow::Context;
use axum::Router;
use http::Request;
use tokio::net::TcpListener;
use tonic::{body::Body, server::NamedService};
use tower::{Service, ServiceBuilder};

pub(crate) use self::host::require_host;
pub use self::{
    address_limit::AddressLimit,
    admission::{Admission, AdmissionPermit, Requester, shed_requests},
    body::{BodyError, BodyReceiver, ReceivedBody},
    calls::{Caller, ClientAddress, Deadline, MAX_DEADLINE, verify_token},
    connectable::connectable,
    connection_limits::DEFAULT_KEEP_ALIVE,
    exchange::bound_response,
    grpc_health::grpc_health,
    host::{InvalidHost, check_host},
    listener::serve_http,
    origin::Origin,
};
use self::{call_observer::CallObserver, connection_limits::ConnectionLimits};
use crate::{
    config::{Env, ListenConfig},
    health::Health,
    layer::layer_fn,
    shutdown::{Shutdown, count_request},
    token::TokenVerifier,
};

/// The load that a service accepts.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// `MAX_CONCURRENT_REQUESTS` (default 512): the maximum number of concurrent requests. Further requests are
    /// rejected. A request does not count while its body arrives.
    pub max_concurrent_requests: u32,
    /// `MAX_CONNECTIONS_PER_ADDRESS` (default 256): the maximum number of connections that one client address may have.
    pub max_connections_per_address: u32,
}

impl LoadConfig {
    /// Reads `MAX_CONCURRENT_REQUESTS` and `MAX_CONNECTIONS_PER_ADDRESS`.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            max_concurrent_requests: env.number("MAX_CONCURRENT_REQUESTS", 512, 1..=100_000),
            max_connections_per_address: max_connections_per_address(env),
        }
    }
}

/// Reads `MAX_CONNECTIONS_PER_ADDRESS` (default 256): the maximum number of connections that one client address
/// (IPv6: one /64 network) may have to a port. Further connections are closed immediately.
pub(crate) fn max_connections_per_address(env: &mut Env) -> u32 {
    env.number("MAX_CONNECTIONS_PER_ADDRESS", 256, 1..=10_000)
}

/// Binds the port. This happens before anything else starts. So if the port is in use, the process stops with one
/// clear line.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(service: &str, config: &ListenConfig) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(config.host, config.port);
    let listener = listener::listen(address)
        .with_context(|| format!("{service} cannot listen on {address}; is the port already in use?"))?;
    // The port comes from the listener, because the configured port may be 0 (any free port).
    tracing::info!(service, address = %listener.local_addr()?, "Listening");
    Ok(listener)
}

/// Serves only `/health` until the shutdown, for a service without methods.
pub async fn serve_health(
    listener: TcpListener,
    health: &Health,
    addresses: AddressLimit,
    shutdown: Shutdown,
) {
    let service = ServiceBuilder::new().layer(layer_fn((), require_host)).service(health.routes::<()>());
    let router = Router::new().fallback_service(service);
    listener::serve(listener, router, ConnectionLimits::INTERNAL, addresses, shutdown).await;
}

/// A gRPC server: the layers around the methods of a service, health and reflection.
pub struct GrpcServer {
    /// The name of the service in logs, for example `events-service`.
    pub service: &'static str,
    /// Verifies the token of every call.
    pub verifier: TokenVerifier,
    /// Limits the concurrent calls.
    pub admission: Admission,
    /// Limits the connections of each address.
    pub addresses: AddressLimit,
    /// Serves `/health` and gRPC health.
    pub health: Health,
    /// The encoded protobuf descriptors, for reflection and for the method names.
    pub descriptors: &'static [u8],
}

impl GrpcServer {
    /// Serves until the shutdown, and then until the calls in flight are finished or [`SHUTDOWN_TIMEOUT`] has passed.
    ///
    /// [`SHUTDOWN_TIMEOUT`]: crate::shutdown::SHUTDOWN_TIMEOUT
    ///
    /// # Errors
    /// When the gRPC descriptors are invalid.
    pub async fn serve<S>(self, listener: TcpListener, methods: S, shutdown: Shutdown) -> anyhow::Result<()>
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        let (router, addresses) = self.router(methods, &shutdown)?;
        listener::serve(listener, router, ConnectionLimits::INTERNAL, addresses, shutdown).await;
        Ok(())
    }

    fn router<S>(self, methods: S, shutdown: &Shutdown) -> anyhow::Result<(Router, AddressLimit)>
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        let observer = CallObserver::new(self.service, self.descriptors)?;
        // The order of the layers matters. Correlation is the outermost layer, so that rejected calls are also logged
        // with their correlation ID. A panic in any layer below fails one call and does not break the connection.
        // Tokens are verified before anything is counted for their users. The deadline includes the time in which the
        // message arrives. A call is admitted after that, so that a client who sends slowly takes no capacity. The layers
        // wrap all routes together, because axum clones a route with its layers for every call, once for each layer.
        let methods = ServiceBuilder::new()
            .layer(layer_fn(shutdown.clone(), count_request))
            .layer(layer_fn(observer, calls::correlate))
            .layer(layer_fn((), calls::catch_panic))
            .layer(layer_fn(self.verifier, calls::verify_caller))
            .layer(layer_fn((), exchange::bound_call))
            .layer(layer_fn((), calls::enforce_deadline))
            .layer(layer_fn(BodyReceiver::default(), body::receive_message))
            .layer(layer_fn(self.admission, admission::admit_call))
            .service(axum_service(methods));
        let infrastructure = infrastructure::router(&self.health, S::NAME, self.descriptors, shutdown)?;
        let router = infrastructure.merge(self.health.routes()).fallback_service(methods);
        let service = ServiceBuilder::new().layer(layer_fn((), require_host)).service(router);
        Ok((Router::new().fallback_service(service), self.addresses))
    }
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

#[cfg(test)]
mod tests;
