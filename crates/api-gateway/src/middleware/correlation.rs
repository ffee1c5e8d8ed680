//! Assigns the correlation ID and starts the trace of a request.
//!
//! The correlation ID is stored as a request extension and as a field of the log span for all further work, and is
//! sent as a response header. Clients that know it as `X-Request-ID` may send that instead, and get it back as both.

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    correlation::{CorrelationId, HEADER},
    layer::{Inner, Next},
    outcome_guard::observe_outcome,
    traces::{self, Span},
};
use eventboard_domain::excerpt;
use http::{HeaderMap, HeaderName, StatusCode};
use tracing::Instrument;

use super::{access_log, route::Route};

/// Another common name of the correlation ID.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The layer function: assigns the correlation ID, opens the log span and records the trace.
pub(crate) async fn correlate((): (), mut request: Request, next: Next<impl Inner>) -> Response {
    let correlation = correlation_id(request.headers());
    let has_request_id = has_value(request.headers(), REQUEST_ID);
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
    if has_request_id {
        response.headers_mut().insert(REQUEST_ID, correlation.to_header());
    }
    response
}

/// The ID in `X-Correlation-ID`, or in `X-Request-ID` if the client sent only that.
fn correlation_id(headers: &HeaderMap) -> CorrelationId {
    CorrelationId::in_header(headers, if has_value(headers, HEADER) { HEADER } else { REQUEST_ID })
}

fn has_value(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get(name).is_some_and(|value| !value.is_empty())
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

#[cfg(test)]
mod tests {
    use http::Request;
    use uuid::Uuid;

    use crate::testing::{gateway, json, send};

    #[tokio::test]
    async fn a_request_id_is_the_correlation_id_of_a_client_that_sends_only_that() {
        // The headers of the request, the expected ID (a new UUID if it is empty), and whether `X-Request-ID` is sent.
        for (correlation, request_id, expected, has_request_id) in [
            (None, Some("order-66"), "order-66", true),
            (Some("order-66"), None, "order-66", false),
            (Some("order-66"), Some("other"), "order-66", true),
            (Some(""), Some("order-66"), "order-66", true),
            (Some("two words"), Some("order-66"), "", true),
            (None, Some("two words"), "", true),
            (None, Some(""), "", false),
            (None, None, "", false),
        ] {
            let request = Request::get("/nowhere");
            let headers = [("x-correlation-id", correlation), ("x-request-id", request_id)];
            let request = headers.into_iter().fold(request, |request, (name, id)| {
                id.into_iter().fold(request, |request, id| request.header(name, id))
            });
            let response = send(&gateway([]), request, "").await;
            let id = response.headers()["x-correlation-id"].clone();
            let case = format!("{correlation:?} {request_id:?}");
            if expected.is_empty() {
                assert!(id.to_str().is_ok_and(|id| Uuid::parse_str(id).is_ok()), "{case}: {id:?}");
            } else {
                assert_eq!(id, expected, "{case}");
            }
            assert_eq!(response.headers().get("x-request-id"), has_request_id.then_some(&id), "{case}");
            assert_eq!(json(response).await["correlationId"], id.to_str().expect("text"), "{case}");
        }
    }
}
