//! One attempt: the request goes out with the time that is left, and the whole answer comes in.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower::Service;

use super::{Replicas, error::CallError, policy::CallPolicy};
use crate::{metrics::name_of, traces::Span};

/// The replicas that this call failed on so far; they are asked again only when there is nobody else.
#[derive(Debug, Clone, Default)]
pub(super) struct Tried(pub(super) Vec<SocketAddr>);

/// The replica that an answer came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnsweredBy(pub(super) SocketAddr);

/// Sends requests to the replicas of a service, each attempt to the best one.
#[derive(Clone)]
pub(super) struct Attempt(Arc<Replicas>);

impl Attempt {
    pub(super) fn new(replicas: Arc<Replicas>) -> Self {
        Self(replicas)
    }

    /// Sends the request to the best replica, or to the next best when some were tried; the whole answer.
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Body>, CallError> {
        let tried = request.extensions_mut().remove::<Tried>().unwrap_or_default();
        let (call, sender) = loop {
            let call = self.0.rotation.pick(&tried.0).await?;
            // A connection that is about to be closed is not picked again.
            if let Some(sender) = call.ready().await {
                break (call, sender);
            }
        };
        if let Some(policy) = request.extensions().get::<CallPolicy>() {
            let timeout = grpc_timeout(policy.deadline);
            request.headers_mut().insert("grpc-timeout", timeout);
        }
        let span = Span::client(request.uri().path().trim_start_matches('/'));
        span.inject(request.headers_mut());
        let answer = call.send(sender, request).await;
        describe_attempt(&span, call.replica(), &answer);
        let mut answer = answer?;
        answer.extensions_mut().insert(AnsweredBy(call.replica()));
        Ok(answer)
    }
}

impl Service<Request<Bytes>> for Attempt {
    type Response = Response<Body>;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<Response<Body>, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let attempt = self.clone();
        Box::pin(async move {
            let outcome = attempt.send(request).await;
            let counter = if outcome.is_ok() { &attempt.0.answered } else { &attempt.0.unanswered };
            counter.increment(1);
            outcome
        })
    }
}

/// Says what became of an attempt, by OpenTelemetry's semantic conventions for RPC.
fn describe_attempt(span: &Span, replica: SocketAddr, answer: &Result<Response<Body>, CallError>) {
    span.set("rpc.system.name", || "grpc");
    span.set("server.address", || replica.ip().to_string());
    span.set("server.port", || i64::from(replica.port()));
    match answer {
        Ok(answer) => {
            let code = grpc_code(answer.headers()).unwrap_or(Code::Ok);
            span.set("rpc.response.status_code", || name_of(code));
            if code != Code::Ok {
                span.fail(|| name_of(code).to_owned());
            }
        }
        Err(error) => span.fail(|| error.kind().to_owned()),
    }
}

/// Takes a request's body into memory; it was encoded there and is small.
pub(super) async fn collect_request(request: Request<Body>) -> Result<Request<Bytes>, CallError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|status| CallError::Malformed(status.into()))?;
    Ok(Request::from_parts(parts, body.to_bytes()))
}

/// The gRPC code in headers or trailers, if it stands there.
pub(super) fn grpc_code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// The time left as `grpc-timeout`, in microseconds while they fit its eight digits.
fn grpc_timeout(deadline: Instant) -> HeaderValue {
    let left = deadline.saturating_duration_since(Instant::now());
    let text = match left.as_micros() {
        micros @ 0..=99_999_999 => format!("{micros}u"),
        micros => format!("{}m", (micros / 1000).min(99_999_999)),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("0u"))
}
