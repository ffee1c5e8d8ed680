//! The layers that every gRPC call passes before its method: correlation and logging, panic handling, token
//! verification, and the deadline.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request},
    response::Response,
};
use eventboard_domain::excerpt;
use http::{Extensions, HeaderMap};
use tonic::{Code, Status};
use tracing::Instrument;

use super::call_observer::CallObserver;
use crate::{
    client_address::VerifiedClient,
    correlation::CorrelationId,
    error::ServiceError,
    fairness::address_block,
    grpc::grpc_code,
    layer::{Inner, Next},
    outcome_guard::observe_outcome,
    token::{Identity, TokenVerifier, VerifiedToken},
    traces,
};

/// The longest deadline of any request, and the deadline of a call without `grpc-timeout`. The `statement_timeout`
/// of the database and [`SHUTDOWN_TIMEOUT`](crate::shutdown::SHUTDOWN_TIMEOUT) are chosen to match it.
pub const MAX_DEADLINE: Duration = Duration::from_secs(10);

/// The instant when the caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// Creates a deadline that passes after `timeout`.
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    /// Returns the deadline of a call.
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().copied().unwrap_or_else(|| Self::after(MAX_DEADLINE))
    }

    /// The remaining time. Zero when the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// The authenticated caller of a gRPC call. This service verified the token itself.
#[derive(Debug)]
pub struct Caller;

impl Caller {
    /// Returns the identity in the token of a call.
    ///
    /// # Errors
    /// `Unauthenticated` when the token is missing or invalid.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Identity, ServiceError> {
        let token = request.extensions().get::<VerifiedToken>();
        token.map(|token| token.identity.clone()).ok_or_else(ServiceError::unauthenticated)
    }
}

/// The address block of the client for which a call without a token is made. A gateway has signed it.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Returns the client's address block: the one that the gateway sends, or else that of the peer.
    pub fn of<T>(request: &tonic::Request<T>) -> IpAddr {
        client_address(request.extensions())
    }
}

/// What the client says it is. A gateway has signed it.
#[derive(Debug, Clone)]
pub(super) struct ClientDescription(pub(super) Arc<str>);

/// See [`ClientAddress::of`]. All peers whose address is unknown count as one.
pub(super) fn client_address(extensions: &Extensions) -> IpAddr {
    let signed = extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
    let peer = || extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    address_block(signed.or_else(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Opens the span that adds the correlation ID to every log line. When the call ends or is cancelled,
/// [`ObservedCall`](super::call_observer::ObservedCall) logs it and records its duration.
/// The method gets the correlation ID as an extension.
pub(super) async fn correlate(
    observer: CallObserver,
    mut request: Request,
    next: Next<impl Inner>,
) -> Response {
    let correlation = CorrelationId::of(request.headers());
    request.extensions_mut().insert(correlation.clone());
    let uri = request.uri().clone();
    let method = excerpt(uri.path().rsplit('/').next().unwrap_or_default());
    let call = observer.begin(uri.path(), request.headers());
    let span = tracing::info_span!(
        "call",
        service = observer.service,
        method = &*method,
        correlation_id = correlation.as_str(),
        trace_id = traces::trace_id(&call.span, request.headers()),
    );
    async move {
        let guard = observe_outcome(|code| call.record(code));
        let mut response = call.span.wrap(next.run(request)).await;
        // The error status of a unary call is in the headers.
        guard.finish(grpc_code(response.headers()).unwrap_or(Code::Ok));
        response.headers_mut().insert(crate::correlation::HEADER, correlation.to_header());
        response
    }
    .instrument(span)
    .await
}

/// Verifies the token, if there is one, and adds it to the request as an extension. Never rejects a request, because
/// the method or route decides whether a token is required, and a rate limit applies before that.
pub async fn verify_token(verifier: TokenVerifier, mut request: Request, next: Next<impl Inner>) -> Response {
    if let Some(token) = verifier.verify(request.headers()) {
        request.extensions_mut().insert(token);
    }
    next.run(request).await
}

/// Like [`verify_token`], for a gRPC call: also verifies what a gateway says about its client.
pub(super) async fn verify_caller(
    verifier: TokenVerifier,
    mut request: Request,
    next: Next<impl Inner>,
) -> Response {
    if let Some(VerifiedClient { address_block, description }) = verifier.verify_client(request.headers()) {
        request.extensions_mut().insert(ClientAddress(address_block));
        if let Some(description) = description {
            request.extensions_mut().insert(ClientDescription(description.into()));
        }
    }
    verify_token(verifier, request, next).await
}

/// Cancels a call at its deadline. Adds the deadline to the request as an extension, for the method.
pub(super) async fn enforce_deadline((): (), mut request: Request, next: Next<impl Inner>) -> Response {
    let timeout = grpc_timeout(request.headers()).unwrap_or(MAX_DEADLINE).min(MAX_DEADLINE);
    request.extensions_mut().insert(Deadline::after(timeout));
    tokio::time::timeout(timeout, next.run(request))
        .await
        .unwrap_or_else(|_| Status::from(ServiceError::deadline_exceeded()).into_http())
}

/// Catches panics, so that a panic fails one call and does not break the connection.
pub(super) async fn catch_panic((): (), request: Request, next: Next<impl Inner>) -> Response {
    next.catch_panic(request).await.unwrap_or_else(|error| Status::from(error).into_http())
}

/// Parses `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2, "Requests").
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
    fn the_client_address_is_the_one_that_the_gateway_signed_or_else_that_of_the_peer() {
        let mut extensions = Extensions::new();
        assert_eq!(client_address(&extensions).to_string(), "0.0.0.0");
        extensions.insert(ConnectInfo::<SocketAddr>("[2001:db8::9]:4711".parse().expect("an address")));
        assert_eq!(client_address(&extensions).to_string(), "2001:db8::");
        extensions.insert(ClientAddress("203.0.113.7".parse().expect("an address")));
        assert_eq!(client_address(&extensions).to_string(), "203.0.113.7");
    }

    #[test]
    fn grpc_timeout_is_parsed() {
        let parse = |text: &'static str| {
            grpc_timeout(
                &[("grpc-timeout".parse().expect("a name"), text.parse().expect("a value"))]
                    .into_iter()
                    .collect(),
            )
        };
        assert_eq!(parse("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999u"), Some(Duration::from_micros(99_999_999)));
        for invalid in ["", "5", "S", "123456789S", "-1S", "5x"] {
            assert_eq!(parse(invalid), None, "{invalid:?}");
        }
    }
}
