//! What every gRPC call passes through before its method: a name in the log, a verified caller, a
//! deadline.

use std::time::{Duration, Instant};

use axum::{extract::Request, response::Response};
use http::HeaderMap;
use tonic::{Code, Status};
use tracing::Instrument;

use super::served::Served;
use crate::{
    correlation::CorrelationId,
    error::{ErrorCode, ServiceError},
    grpc::grpc_code,
    layer::{Inner, Next},
    observed::observe_end,
    token::{Identity, TokenVerifier, VerifiedToken},
    traces,
};

/// The longest deadline of any request, and the one of a call without `grpc-timeout`. The database's
/// `statement_timeout` and the time that a shutdown waits for what is in flight go with it.
pub const MAX_DEADLINE: Duration = Duration::from_secs(10);

/// When the caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline that lies `timeout` ahead.
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    /// The deadline of a call.
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().copied().unwrap_or_else(|| Self::after(MAX_DEADLINE))
    }

    /// The time left; zero when it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Who calls, as verified by this service itself.
#[derive(Debug)]
pub struct Caller;

impl Caller {
    /// The identity of the verified token of a call.
    ///
    /// # Errors
    /// `Unauthenticated` when the call carries no acceptable token.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Identity, ServiceError> {
        let token = request.extensions().get::<VerifiedToken>();
        token.map(|token| token.identity.clone()).ok_or_else(ServiceError::unauthenticated)
    }
}

/// Opens the span that names the request on every line; [`ServedCall`](super::served::ServedCall) writes one
/// line and takes one measurement when the call ends, also when its caller no longer waits.
pub(super) async fn correlate(served: Served, request: Request, next: Next<impl Inner>) -> Response {
    let correlation = CorrelationId::of(request.headers());
    let uri = request.uri().clone();
    let method = uri.path().rsplit('/').next().unwrap_or_default();
    let call = served.begin(uri.path(), request.headers());
    let span = tracing::info_span!(
        "call",
        service = served.service,
        method,
        correlation_id = correlation.as_str(),
        trace_id = traces::trace_id(&call.span, request.headers()),
    );
    async move {
        let end = observe_end(|code| call.record(code));
        let mut response = call.span.around(next.run(request)).await;
        // Errors of unary calls stand in the headers.
        end.finish(grpc_code(response.headers()).unwrap_or(Code::Ok));
        response.headers_mut().insert(crate::correlation::HEADER, correlation.to_header());
        response
    }
    .instrument(span)
    .await
}

/// The layer that verifies the token when there is one, and refuses nobody: whether one is needed is for the
/// method or route to say, and a rate limit has a say before that. A verified token is an extension of the request.
pub async fn verify_token(verifier: TokenVerifier, mut request: Request, next: Next<impl Inner>) -> Response {
    if let Some(token) = verifier.verify(request.headers()) {
        request.extensions_mut().insert(token);
    }
    next.run(request).await
}

/// Stops the work on a call when its caller stops waiting, and tells the method how long that is.
pub(super) async fn keep_deadline((): (), mut request: Request, next: Next<impl Inner>) -> Response {
    let timeout = grpc_timeout(request.headers()).unwrap_or(MAX_DEADLINE).min(MAX_DEADLINE);
    request.extensions_mut().insert(Deadline::after(timeout));
    tokio::time::timeout(timeout, next.run(request)).await.unwrap_or_else(|_| {
        let error =
            ServiceError::new(ErrorCode::DeadlineExceeded, "The request took too long; its outcome is open.");
        Status::from(error).into_http()
    })
}

/// Makes a panic one failed call and not a broken connection.
pub(super) async fn catch_panic((): (), request: Request, next: Next<impl Inner>) -> Response {
    next.catch_panic(request).await.unwrap_or_else(|error| Status::from(error).into_http())
}

/// Reads `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2, "Requests").
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts_are_read() {
        let read = |text: &'static str| {
            grpc_timeout(
                &[("grpc-timeout".parse().expect("a name"), text.parse().expect("a value"))]
                    .into_iter()
                    .collect(),
            )
        };
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999u"), Some(Duration::from_micros(99_999_999)));
        for bad in ["", "5", "S", "123456789S", "-1S", "5x"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
