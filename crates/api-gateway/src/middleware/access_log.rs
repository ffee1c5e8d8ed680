//! One line and one measurement a request.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use eventboard_chassis::{
    layer::{Inner, Next},
    metrics::{Counted, Histograms},
};
use http::Method;
use metrics::Gauge;

/// Stands for every path that no route has, so that made-up paths do not become labels.
const NO_ROUTE: &str = "unmatched";

/// The template of the path that a response belongs to.
#[derive(Clone)]
struct Route(MatchedPath);

/// The layer on the routes, which tells the one around them which route it was.
pub(crate) async fn name_route((): (), request: Request, next: Next<impl Inner>) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(path) = path {
        response.extensions_mut().insert(Route(path));
    }
    response
}

/// What operators see of requests.
#[derive(Clone)]
pub(crate) struct Requests {
    active: Gauge,
    /// By route, method and status.
    durations: Arc<Histograms<(&'static str, u16)>>,
}

impl Requests {
    pub(crate) fn new() -> Self {
        let durations = Histograms::new(|route, (method, status): (&'static str, u16)| {
            metrics::histogram!(
                "http_server_request_duration_seconds",
                "http_request_method" => method,
                "http_route" => route.to_owned(),
                "http_response_status_code" => status.to_string(),
            )
        });
        Self { active: metrics::gauge!("http_server_active_requests"), durations: Arc::new(durations) }
    }
}

/// The layer.
pub(crate) async fn record(requests: Requests, request: Request, next: Next<impl Inner>) -> Response {
    let started = Instant::now();
    let method = method_label(request.method());
    let _active = Counted::new(&requests.active);

    let response = next.run(request).await;

    let route = route_of(&response).unwrap_or(NO_ROUTE);
    let (elapsed, status) = (started.elapsed(), response.status().as_u16());
    // The method is a field of the span.
    tracing::info!(route, status, duration_ms = elapsed.as_secs_f64() * 1000.0, "Request finished");
    requests.durations.record(route, (method, status), elapsed);
    response
}

/// The template of the path that a response belongs to; `None` where no route has it.
pub(crate) fn route_of(response: &Response) -> Option<&str> {
    response.extensions().get::<Route>().map(|Route(path)| path.as_str())
}

/// A method that HTTP does not define counts as `_OTHER` (OpenTelemetry semantic conventions), so
/// that made-up methods do not become labels.
pub(crate) fn method_label(method: &Method) -> &'static str {
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
