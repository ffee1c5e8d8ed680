//! The way to a service: one stack of tower layers beneath the generated clients.
//!
//! It works on HTTP requests whose body is already in memory: those are `Clone`, so that an attempt
//! can be repeated, which a tonic request is not.

mod attempt;
mod deadline;
mod policy;
mod retry;

use std::{error::Error as StdError, str::FromStr, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use tonic::{Code, Status, TimeoutExpired, body::Body, transport::Endpoint};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use uuid::Uuid;

use self::{attempt::Attempt, deadline::DeadlineLayer, retry::Retries};
pub use self::{
    policy::{CallPolicy, RetryOn},
    retry::RetryConfig,
};
use crate::{
    config::Env,
    correlation::{self, CorrelationId},
};

/// A connection that is not made in this time is not made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A peer that does not answer a ping is gone.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The transport that the generated clients are built on.
pub type ServiceChannel = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// Where a service is.
#[derive(Debug, Clone)]
pub struct Target {
    /// `*_SERVICE_HOST`: a host name or address, optionally with a port.
    host: String,
    /// `*_SERVICE_PORT`: where the service listens.
    port: u16,
}

impl Target {
    /// Reads the two variables of a service, for example `AUTH_SERVICE_HOST` and
    /// `AUTH_SERVICE_PORT`.
    pub fn from_env(env: &mut Env, host: &str, port: &str, default_port: u16) -> Self {
        let target =
            Self { host: env.text(host, "localhost"), port: env.parse(port, default_port, "a port number") };
        if target.uri().is_err() {
            env.fault(host, "must be a host name or an address, optionally with a port");
        }
        target
    }

    fn uri(&self) -> Result<Uri, http::uri::InvalidUri> {
        let has_port = Uri::from_str(&format!("http://{}", self.host))?.port().is_some();
        let Self { host, port } = self;
        if has_port { format!("http://{host}").parse() } else { format!("http://{host}:{port}").parse() }
    }

    /// The plain channel to the service, for health checks, which are neither retried nor delayed.
    ///
    /// # Panics
    /// Never: the address was checked when it was read.
    #[expect(clippy::expect_used, reason = "the address was checked when it was read")]
    pub fn channel(&self) -> tonic::transport::Channel {
        Endpoint::from(self.uri().expect("a checked address"))
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect_lazy()
    }

    /// The stack towards the service.
    pub fn connect(&self, service: &'static str, config: &RetryConfig) -> ServiceChannel {
        let stack = ServiceBuilder::new()
            // The deadline is outermost: waits between attempts count as well.
            .layer(DeadlineLayer)
            // One budget for all calls to this service, so that retries cannot multiply an overload.
            .retry(Retries::new(service, config))
            // Innermost: whole answers, so that a connection that breaks in the middle of one is a
            // failed attempt and not a failed request.
            .service(Attempt::new(self.channel()));
        in_memory(stack)
    }
}

/// Gives a stack that wants bodies in memory the shape that the generated clients want.
fn in_memory<S>(stack: S) -> ServiceChannel
where
    S: Service<Request<Bytes>, Response = Response<Body>, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Body>| {
        let stack = stack.clone();
        async move {
            let request = attempt::collect_request(request).await.map_err(no_answer)?;
            stack.oneshot(request).await.map_err(no_answer)
        }
    }))
}

/// An answer of a service, even a failed one, is a response; an error of the stack means that there was no
/// answer. The gRPC library would call most of those `UNKNOWN`, which reads as a defect.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn no_answer(error: BoxError) -> Status {
    let text = chain_text(&*error);
    if chain(&*error).any(is_deadline) { Status::deadline_exceeded(text) } else { Status::unavailable(text) }
}

/// The deadline of the stack, or that of the transport, which knows it from `grpc-timeout`.
fn is_deadline(error: &(dyn StdError + 'static)) -> bool {
    let status = error.downcast_ref::<Status>();
    error.is::<TimeoutExpired>() || status.is_some_and(|status| status.code() == Code::DeadlineExceeded)
}

/// An error with its causes, for the log.
pub fn chain_text(error: &(dyn StdError + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What travels with every call on behalf of one request of a client.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Names the request in every log.
    pub correlation: CorrelationId,
    /// The W3C trace context, as it came.
    pub traceparent: Option<HeaderValue>,
    /// The caller's `Authorization` header, for the service to verify again.
    pub authorization: Option<HeaderValue>,
    /// The same for every attempt of this request and for no other request.
    pub request_id: Uuid,
}

impl CallContext {
    /// A message with everything around it.
    pub fn request<M>(&self, policy: CallPolicy, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        let mut put = |name: HeaderName, value: &HeaderValue| {
            if let Ok(text) = value.to_str()
                && let (Ok(key), Ok(value)) =
                    (tonic::metadata::MetadataKey::from_bytes(name.as_str().as_bytes()), text.parse())
            {
                request
                    .metadata_mut()
                    .insert::<tonic::metadata::MetadataKey<tonic::metadata::Ascii>>(key, value);
            }
        };
        put(correlation::HEADER, &self.correlation.to_header());
        if let Some(traceparent) = &self.traceparent {
            put(correlation::TRACEPARENT, traceparent);
        }
        if let Some(authorization) = &self.authorization {
            put(header::AUTHORIZATION, authorization);
        }
        request.extensions_mut().insert(policy);
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn status_of(error: fn() -> BoxError) -> Status {
        let stack =
            tower::service_fn(move |_: Request<Bytes>| async move { Err::<Response<Body>, _>(error()) });
        in_memory(stack).oneshot(Request::new(Body::empty())).await.expect_err("it fails")
    }

    #[tokio::test]
    async fn a_broken_connection_is_unavailability_and_not_a_defect() {
        let status = status_of(|| "connection reset by peer".into()).await;
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "connection reset by peer"));
    }

    #[tokio::test]
    async fn a_passed_deadline_stays_one() {
        let status = status_of(|| Status::deadline_exceeded("late").into()).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }

    #[test]
    fn a_host_may_bring_its_own_port() {
        let uri =
            |host: &str| Target { host: host.into(), port: 3002 }.uri().expect("an address").to_string();
        assert_eq!(uri("events-service"), "http://events-service:3002/");
        assert_eq!(uri("10.0.0.7:4002"), "http://10.0.0.7:4002/");
        assert_eq!(uri("[::1]"), "http://[::1]:3002/");
    }
}
