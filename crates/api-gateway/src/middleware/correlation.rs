//! Gives the request its name: an extension, a field of the span around all work, a header of the
//! response; and its trace.

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    correlation::{CorrelationId, HEADER},
    layer::{Inner, Next},
    observed::observe_end,
    traces::{self, Span},
};
use http::StatusCode;
use tracing::Instrument;

use super::{access_log, route::Route};

/// Characters of a path that a span keeps: anybody may send a long one.
const LONGEST_PATH: usize = 256;

/// The layer.
pub(crate) async fn correlate((): (), mut request: Request, next: Next<impl Inner>) -> Response {
    let correlation = CorrelationId::of(request.headers());
    request.extensions_mut().insert(correlation.clone());
    let traced = span_of(&request);
    // The path without the query: what people search for is theirs.
    let span = tracing::info_span!(
        "request",
        service = crate::NAME,
        correlation_id = correlation.as_str(),
        trace_id = traces::trace_id(&traced, request.headers()),
        method = %request.method(),
        path = request.uri().path(),
    );
    let (method, route) = (access_log::method_label(request.method()), Route::of(&mut request));
    let end = observe_end(|status| record(&traced, method, &route, status));
    let mut response = traced.around(next.run(request).instrument(span)).await;
    end.finish(response.status());
    response.headers_mut().insert(HEADER, correlation.to_header());
    response
}

/// Health is asked for all the time, and would bury all other traces.
fn span_of(request: &Request) -> Span {
    if matches!(request.uri().path(), "/health" | "/health/live" | "/health/ready") {
        return Span::none();
    }
    let span = Span::server(access_log::method_label(request.method()), request.headers());
    span.set("http.request.method", || access_log::method_label(request.method()));
    // TLS ends before this process.
    span.set("url.scheme", || "http");
    span.set("url.path", || request.uri().path().chars().take(LONGEST_PATH).collect::<String>());
    span
}

/// Says in the span what became of the request, by OpenTelemetry's semantic conventions for HTTP. There is no status when
/// the client hung up.
fn record(span: &Span, method: &str, route: &Route, status: Option<StatusCode>) {
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
        // The client is no failure of ours.
        None => span.set("error.type", || "cancelled"),
    }
}
