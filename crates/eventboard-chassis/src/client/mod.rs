//! The way to a service: one stack of tower layers beneath the generated clients.
//!
//! It works on HTTP requests whose body is already in memory: those are `Clone`, so that an attempt
//! can be repeated, which a tonic request is not.

mod attempt;
mod budget;
mod connection;
mod deadline;
mod discovery;
mod error;
mod keeper;
mod policy;
mod retry;
mod rotation;
mod target;

use std::{
    error::Error as StdError,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use metrics::Counter;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, body::Body};
use tower::{Service, ServiceBuilder, ServiceExt, retry::Retry};
use uuid::Uuid;

use self::{
    attempt::Attempt,
    deadline::{Deadline, DeadlineLayer},
    retry::Retries,
    rotation::Rotation,
};
pub use self::{
    policy::{CallPolicy, RetryOn},
    retry::RetryConfig,
    target::Target,
};
use crate::{
    correlation::{self, CorrelationId},
    health::Check,
    metrics::{Histograms, calls_made, method_of},
};

/// The replicas of one service: found, connected to and watched in the background until this is dropped.
pub struct Replicas {
    service: &'static str,
    rotation: Arc<Rotation>,
    /// Attempts that got an answer, whatever it said, and those that got none.
    answered: Counter,
    unanswered: Counter,
    _background: DropGuard,
}

impl Replicas {
    /// Begins to look for the replicas. `service` names them in logs; `grpc_service` is the one whose gRPC health says
    /// whether a replica wants work.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn find(service: &'static str, grpc_service: &'static str, target: &Target) -> Arc<Self> {
        let (rotation, stop) = (Arc::new(Rotation::new()), CancellationToken::new());
        let discovery = discovery::discover(service, grpc_service, target.clone(), Arc::clone(&rotation));
        tokio::spawn(stop.clone().run_until_cancelled_owned(discovery));
        rotation.observe(service);
        // There from the start, also while no replica is found.
        keeper::ejections(service).increment(0);
        let attempts = |outcome| metrics::counter!("eventboard_client_attempts_total", "upstream" => service, "outcome" => outcome);
        let (answered, unanswered) = (attempts("answered"), attempts("unanswered"));
        Arc::new(Self { service, rotation, answered, unanswered, _background: stop.drop_guard() })
    }

    /// Whether any replica is there and ready.
    pub fn check(&self) -> Check {
        let rotation = Arc::clone(&self.rotation);
        Check::follow(self.service, self.rotation.changes(), move || rotation.check())
    }

    /// The stack towards the service.
    pub fn channel(self: &Arc<Self>, config: &RetryConfig) -> ServiceChannel {
        let stack = ServiceBuilder::new()
            // The deadline is outermost: waits between attempts count as well.
            .layer(DeadlineLayer)
            // One budget for all calls to this service, so that retries cannot multiply an overload.
            .retry(Retries::new(self.service, config))
            // Innermost: each attempt picks its replica, and whole answers, so that a connection that breaks in the
            // middle of one is a failed attempt and not a failed request.
            .service(Attempt::new(Arc::clone(self)));
        ServiceChannel { stack, durations: Arc::new(calls_made()) }
    }
}

/// Gives the stack, which wants bodies in memory, the shape that the generated clients want. An answer of a service, even
/// a failed one, is a response; an error means that there was no answer.
#[derive(Clone)]
pub struct ServiceChannel {
    stack: Deadline<Retry<Retries, Attempt>>,
    /// Of whole calls, with all their attempts.
    durations: Arc<Histograms<Code>>,
}

impl Service<Request<Body>> for ServiceChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { stack, durations } = self.clone();
        Box::pin(async move {
            let mut made = CallMade::begin(durations, request.uri());
            let request = attempt::collect_request(request).await?;
            let answer = stack.oneshot(request).await.map_err(Status::from);
            made.code = match &answer {
                Ok(answer) => attempt::grpc_code(answer.headers()).unwrap_or(Code::Ok),
                Err(status) => status.code(),
            };
            answer
        })
    }
}

/// A call that is being made. It is counted when it is dropped: as cancelled when nobody waits for it any more.
struct CallMade {
    durations: Arc<Histograms<Code>>,
    uri: Uri,
    started: Instant,
    code: Code,
}

impl CallMade {
    fn begin(durations: Arc<Histograms<Code>>, uri: &Uri) -> Self {
        Self { durations, uri: uri.clone(), started: Instant::now(), code: Code::Cancelled }
    }
}

impl Drop for CallMade {
    fn drop(&mut self) {
        self.durations.record(method_of(self.uri.path()), self.code, self.started.elapsed());
    }
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
mod tests;
