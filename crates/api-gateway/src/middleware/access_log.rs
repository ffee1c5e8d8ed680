//! One line and one measurement a request.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::Method;

/// Stands for every path that no route has, so that made-up paths do not become labels.
const NO_ROUTE: &str = "unmatched";

/// The layer.
pub(crate) async fn record(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = method_label(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();

    let response = next.run(request).await;

    let (elapsed, status) = (started.elapsed(), response.status().as_u16());
    // The method is a field of the span.
    tracing::info!(route, status, duration_ms = elapsed.as_secs_f64() * 1000.0, "Request finished");
    metrics::histogram!(
        "http_server_request_duration_seconds",
        "http_request_method" => method,
        "http_route" => route,
        "http_response_status_code" => status.to_string(),
    )
    .record(elapsed.as_secs_f64());
    response
}

/// A method that HTTP does not define counts as `_OTHER` (OpenTelemetry semantic conventions), so
/// that made-up methods do not become labels.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_method_is_no_label() {
        assert_eq!(method_label(&Method::PATCH), "PATCH");
        assert_eq!(method_label(&Method::from_bytes(b"BREW").expect("a method")), "_OTHER");
    }
}
