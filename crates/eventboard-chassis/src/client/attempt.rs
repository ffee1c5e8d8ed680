//! One attempt: the request goes out with the time that is left, and the whole answer comes in.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower::{BoxError, Service};

use super::policy::CallPolicy;

/// Largest answer, in bytes: a page of 100 events of the longest texts, four bytes a character,
/// stays below it.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Sends requests over `channel`.
#[derive(Debug, Clone)]
pub(super) struct Attempt<C> {
    channel: C,
}

impl<C> Attempt<C> {
    pub(super) fn new(channel: C) -> Self {
        Self { channel }
    }
}

impl<C> Service<Request<Bytes>> for Attempt<C>
where
    C: Service<Request<Body>, Response = Response<Body>>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.channel.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Bytes>) -> Self::Future {
        if let Some(policy) = request.extensions().get::<CallPolicy>() {
            let timeout = grpc_timeout(policy.deadline);
            request.headers_mut().insert("grpc-timeout", timeout);
        }
        let answer = self.channel.call(request.map(|body| Body::new(Full::new(body))));
        Box::pin(async move { collect_answer(answer.await.map_err(Into::into)?).await })
    }
}

/// Takes a request's body into memory; it was encoded there and is small.
pub(super) async fn collect_request(request: Request<Body>) -> Result<Request<Bytes>, BoxError> {
    let (parts, body) = request.into_parts();
    Ok(Request::from_parts(parts, body.collect().await?.to_bytes()))
}

/// Takes the whole answer into memory, and puts its status where it is looked for.
async fn collect_answer(response: Response<Body>) -> Result<Response<Body>, BoxError> {
    let (mut parts, body) = response.into_parts();
    let collected = Limited::new(body, MAX_ANSWER).collect().await?;
    let failed = collected.trailers().is_some_and(|trailers| grpc_code(trailers) != Some(Code::Ok));
    if failed && let Some(trailers) = collected.trailers() {
        // A failure at the end reads like a failure at the beginning.
        parts.headers.extend(trailers.clone());
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    Ok(Response::from_parts(parts, Body::new(collected)))
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
