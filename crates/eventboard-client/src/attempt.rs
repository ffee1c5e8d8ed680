//! One attempt: the request goes out with the time that is left, and the whole answer comes in.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use eventboard_chassis::{
    grpc::{code_name, grpc_code, method_of},
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
            let made = Made::begin(&attempt.0, method_of(request.uri().path()));
            let outcome = attempt.send(request, &made.span).await;
            made.end(&outcome);
            outcome
        })
    }
}

/// An attempt that is being made. It is counted when it is dropped: without an answer when it did not come to its end,
/// because nobody waits for it any more.
struct Made<'r> {
    replicas: &'r Replicas,
    span: Span,
    is_answered: bool,
    code: Code,
}

impl<'r> Made<'r> {
    fn begin(replicas: &'r Replicas, method: &str) -> Self {
        let span = Span::client(method);
        span.set("rpc.system.name", || "grpc");
        span.set("rpc.method", || method.to_owned());
        Self { replicas, span, is_answered: false, code: Code::Cancelled }
    }

    fn end(mut self, outcome: &Result<Response<Body>, CallError>) {
        self.is_answered = outcome.is_ok();
        self.code = match outcome {
            Ok(answer) => grpc_code(answer.headers()).unwrap_or(Code::Ok),
            Err(error) => error.code(),
        };
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        let Replicas { answered, unanswered, .. } = self.replicas;
        if self.is_answered { answered } else { unanswered }.increment(1);
        self.span.set("rpc.response.status_code", || code_name(self.code));
        if self.code != Code::Ok {
            self.span.fail(|| code_name(self.code).to_owned());
        }
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
