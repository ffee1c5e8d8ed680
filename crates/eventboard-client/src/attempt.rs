//! One attempt: the request goes out with the time that is left, and the whole answer comes in.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use eventboard_chassis::{
    grpc::{code_name, grpc_code, method_of},
    observed::observe_end,
    traces::Span,
};
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower::Service;

use crate::{error::CallError, policy::CallPolicy, replicas::Replicas};

/// The replicas that this call failed on so far; they are asked again only when there is nobody else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tried(pub(crate) Vec<SocketAddr>);

/// The replica that an answer came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnsweredBy(pub(crate) SocketAddr);

/// Sends requests to the replicas of a service, each attempt to the best one.
#[derive(Clone)]
pub(crate) struct Attempt(Arc<Replicas>);

impl Attempt {
    pub(crate) fn new(replicas: Arc<Replicas>) -> Self {
        Self(replicas)
    }

    /// Sends the request to the best replica, or to the next best when some were tried; the whole answer.
    async fn send(&self, mut request: Request<Bytes>, span: &Span) -> Result<Response<Body>, CallError> {
        let tried = request.extensions_mut().remove::<Tried>().unwrap_or_default();
        let (call, sender) = loop {
            let call = self.0.rotation.pick(&tried.0).await?;
            // A connection that is about to be closed is not picked again.
            if let Some(sender) = call.ready().await {
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
        let mut answer = call.send(sender, request).await?;
        answer.extensions_mut().insert(AnsweredBy(call.replica()));
        Ok(answer)
    }

    /// Counts the attempt: as cancelled when it did not come to its end, because nobody waits for it any more.
    fn record(&self, span: &Span, ended: Option<Ended>) {
        let Ended { is_answered, code } =
            ended.unwrap_or(Ended { is_answered: false, code: Code::Cancelled });
        let Replicas { answered, unanswered, .. } = &*self.0;
        if is_answered { answered } else { unanswered }.increment(1);
        span.set("rpc.response.status_code", || code_name(code));
        if code != Code::Ok {
            span.fail(|| code_name(code).to_owned());
        }
    }
}

/// How an attempt ended.
struct Ended {
    /// Whatever the answer says.
    is_answered: bool,
    code: Code,
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
            let span = span_of(method_of(request.uri().path()));
            let end = observe_end(|ended| attempt.record(&span, ended));
            let outcome = attempt.send(request, &span).await;
            end.finish(Ended { is_answered: outcome.is_ok(), code: code_of(&outcome) });
            outcome
        })
    }
}

/// The span of an attempt.
fn span_of(method: &str) -> Span {
    let span = Span::client(method);
    span.set("rpc.system.name", || "grpc");
    span.set("rpc.method", || method.to_owned());
    span
}

/// The code that an attempt ended with.
fn code_of(outcome: &Result<Response<Body>, CallError>) -> Code {
    match outcome {
        Ok(answer) => grpc_code(answer.headers()).unwrap_or(Code::Ok),
        Err(error) => error.code(),
    }
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
