//! Assigns the correlation ID and starts the trace of a request.
//!
//! The correlation ID is stored as a request extension and as a field of the log span for all further work, and is
//! sent as a response header.

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    correlation::{CorrelationId, HEADER},
    layer::{Inner, Next},
    outcome_guard::observe_outcome,
    traces::{self, Span},
};
use eventboard_domain::excerpt;
use http::StatusCode;
use tracing::Instrument;

use super::{access_log, route::Route};

/// The layer function: assigns the correlation ID, opens the log span and records the trace.
pub(crate) async fn correlate((): (), mut request: Request, next: Next<impl Inner>) -> Response {
    let correlation = CorrelationId::of(request.headers());
    request.extensions_mut().insert(correlation.clone());
    let trace_span = trace_span(&request);
    // The span contains the path without the query, because search terms may be private.
    let span = tracing::info_span!(
        "request",
        service = crate::NAME,
        correlation_id = correlation.as_str(),
        trace_id = traces::trace_id(&trace_span, request.headers()),
        method = &*excerpt(request.method().as_str()),
        path = &*excerpt(request.uri().path()),
    );
    let (method, route) = (access_log::method_label(request.method()), Route::for_request(&mut request));
    let end = observe_outcome(|status| record_outcome(&trace_span, method, &route, status));
    let mut response = trace_span.wrap(next.run(request).instrument(span)).await;
    end.finish(response.status());
    response.headers_mut().insert(HEADER, correlation.to_header());
    response
}

/// Health checks get no trace span, because frequent probes would make up most of the traces.
fn trace_span(request: &Request) -> Span {
    if matches!(request.uri().path(), "/health" | "/health/live" | "/health/ready") {
        return Span::none();
    }
    let span = Span::server(access_log::method_label(request.method()), request.headers());
    span.set("http.request.method", || access_log::method_label(request.method()));
    // Always `http`, because a proxy in front of this process terminates TLS.
    span.set("url.scheme", || "http");
    span.set("url.path", || excerpt(request.uri().path()).into_owned());
    span
}

/// Records the outcome of the request in the span, by OpenTelemetry's semantic conventions for HTTP. `status` is
/// `None` if the client disconnected.
fn record_outcome(span: &Span, method: &str, route: &Route, status: Option<StatusCode>) {
    if let Some(route) = route.template() {
        span.rename(|| format!("{method} {route}"));
        span.set("http.route", || route.to_owned());
    }
    match status {
        Some(status) => {
            span.set("http.response.status_code", || i64::from(status.as_u16()));
            if status.is_server_error() {
                span.fail(|| status.as_u16().to_string());
            }
        }
        // A disconnected client is not a server error.
        None => span.set("error.type", || "cancelled"),
    }
}
