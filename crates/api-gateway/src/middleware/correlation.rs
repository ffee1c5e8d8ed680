//! Gives the request its name: an extension, a field of the span around all work, a header of the
//! response; and its trace.

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    correlation::{CorrelationId, HEADER},
    layer::{Inner, Next},
    traces::{self, Span},
};
use http::Method;
use tracing::Instrument;

use super::access_log;

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
    let (method, path) = (request.method().clone(), request.uri().clone());
    let mut response = traced.around(next.run(request).instrument(span)).await;
    describe(&traced, &method, path.path(), &response);
    response.headers_mut().insert(HEADER, correlation.to_header());
    response
}

/// Health is asked for all the time, and would bury all other traces.
fn span_of(request: &Request) -> Span {
    match request.uri().path().starts_with("/health") {
        true => Span::none(),
        false => Span::server(request.method().as_str(), request.headers()),
    }
}

/// Says what a request was, by OpenTelemetry's semantic conventions for HTTP.
fn describe(traced: &Span, method: &Method, path: &str, response: &Response) {
    let (route, status) = (access_log::route_of(response), response.status());
    traced.rename(|| format!("{} {route}", access_log::method_label(method)));
    traced.set("http.request.method", || access_log::method_label(method));
    traced.set("http.route", || route.to_owned());
    traced.set("url.path", || path.to_owned());
    traced.set("http.response.status_code", || i64::from(status.as_u16()));
    if status.is_server_error() {
        traced.fail(|| status.as_u16().to_string());
    }
}
