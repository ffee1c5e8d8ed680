//! One attempt of a call: sends the request with the remaining time and reads the whole response.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use eventboard_chassis::{
    grpc::{code_name, grpc_code, method_name},
    outcome_guard::observe_outcome,
    traces::Span,
};
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower::Service;

use crate::{error::CallError, policy::CallPolicy, replicas::Replicas};

/// The replicas on which this call has failed. They are used again only when no other replica is ready.
#[derive(Debug, Clone, Default)]
pub(crate) struct TriedReplicas(pub(crate) Vec<SocketAddr>);

/// The replica that sent a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RespondingReplica(pub(crate) SocketAddr);

/// Sends requests to the replicas of a service. Picks the best replica for each attempt.
#[derive(Clone)]
pub(crate) struct AttemptService(Arc<Replicas>);

impl AttemptService {
    pub(crate) fn new(replicas: Arc<Replicas>) -> Self {
        Self(replicas)
    }

    /// Sends the request to the best replica, if possible one not tried yet, and reads the whole response.
    async fn send(&self, mut request: Request<Bytes>, span: &Span) -> Result<Response<Body>, CallError> {
        let tried = request.extensions_mut().remove::<TriedReplicas>().unwrap_or_default();
        let (call, sender) = loop {
            let call = self.0.rotation.pick(&tried.0).await?;
            // `None` marks the connection as closed, so it is not picked again.
            if let Some(sender) = call.ready_sender().await {
                break (call, sender);
            }
        };
        span.set("server.address", || call.replica().ip().to_string());
        span.set("server.port", || i64::from(call.replica().port()));
        if let Some(policy) = request.extensions().get::<CallPolicy>() {
            let timeout = grpc_timeout(policy.deadline);
            request.headers_mut().insert("grpc-timeout", timeout);
        }
        span.inject(request.headers_mut());
        let mut response = call.send(sender, request).await?;
        response.extensions_mut().insert(RespondingReplica(call.replica()));
        Ok(response)
    }

    /// Counts the attempt. `None` means that it was cancelled, because its caller stopped waiting.
    fn record(&self, span: &Span, outcome: Option<AttemptOutcome>) {
        let AttemptOutcome { has_response, code } =
            outcome.unwrap_or(AttemptOutcome { has_response: false, code: Code::Cancelled });
        let Replicas { answered, unanswered, .. } = &*self.0;
        if has_response { answered } else { unanswered }.increment(1);
        span.set("rpc.response.status_code", || code_name(code));
        if code != Code::Ok {
            span.fail(|| code_name(code).to_owned());
        }
    }
}

/// How an attempt ended.
struct AttemptOutcome {
    /// True for every response, whatever its status.
    has_response: bool,
    code: Code,
}

impl Service<Request<Bytes>> for AttemptService {
    type Response = Response<Body>;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<Response<Body>, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let span = attempt_span(method_name(request.uri().path()));
            let guard = observe_outcome(|outcome| service.record(&span, outcome));
            let result = service.send(request, &span).await;
            guard.finish(AttemptOutcome { has_response: result.is_ok(), code: result_code(&result) });
            result
        })
    }
}

fn attempt_span(method: &str) -> Span {
    let span = Span::client(method);
    span.set("rpc.system.name", || "grpc");
    span.set("rpc.method", || method.to_owned());
    span
}

/// The gRPC code of an attempt's result.
fn result_code(result: &Result<Response<Body>, CallError>) -> Code {
    match result {
        Ok(response) => grpc_code(response.headers()).unwrap_or(Code::Ok),
        Err(error) => error.code(),
    }
}

/// The remaining time as `grpc-timeout`. The header allows eight digits, so the time is in microseconds if they fit,
/// otherwise in milliseconds.
fn grpc_timeout(deadline: Instant) -> HeaderValue {
    let remaining = deadline.saturating_duration_since(Instant::now());
    let text = match remaining.as_micros() {
        micros @ 0..=99_999_999 => format!("{micros}u"),
        micros => format!("{}m", (micros / 1000).min(99_999_999)),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("0u"))
}
