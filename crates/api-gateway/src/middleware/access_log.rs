//! One line and one measurement a request, also of those whose clients hang up.

use std::{sync::Arc, time::Instant};

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    layer::{Inner, Next},
    metrics::{Counted, Histograms},
    observed::observe_end,
};
use http::Method;
use metrics::{Counter, Gauge};

use super::route::Route;

/// Stands for every path that no route has, so that made-up paths do not become labels.
const NO_ROUTE: &str = "unmatched";

/// The client hung up before there was an answer: nginx's number, which HTTP does not define.
const CLIENT_HUNG_UP: u16 = 499;

/// What operators see of requests.
#[derive(Clone)]
pub(crate) struct Requests {
    active: Gauge,
    /// Server errors, but for those of health checks. There from the start: the histogram of a status begins with its
    /// first request, and Prometheus sees no rise in that.
    failed: Counter,
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
        Self {
            active: metrics::gauge!("http_server_active_requests"),
            failed: metrics::counter!("eventboard_requests_failed_total"),
            durations: Arc::new(durations),
        }
    }
}

/// The layer.
pub(crate) async fn record(requests: Requests, mut request: Request, next: Next<impl Inner>) -> Response {
    let _active = Counted::new(&requests.active);
    let served = Served {
        requests: &requests,
        started: Instant::now(),
        method: method_label(request.method()),
        route: Route::of(&mut request),
    };
    let end = observe_end(|status| served.record(status));
    let response = next.run(request).await;
    end.finish(response.status().as_u16());
    response
}

/// A request that is being served.
struct Served<'r> {
    requests: &'r Requests,
    started: Instant,
    method: &'static str,
    route: Route,
}

impl Served<'_> {
    /// Logs and measures the request, also when its client hung up: nobody else would know of it.
    fn record(&self, status: Option<u16>) {
        let (status, elapsed) = (status.unwrap_or(CLIENT_HUNG_UP), self.started.elapsed());
        let route = self.route.template().unwrap_or(NO_ROUTE);
        self.requests.durations.record(route, (self.method, status), elapsed);
        if status >= 500 && !route.starts_with("/health") {
            self.requests.failed.increment(1);
        }
        // The method is a field of the span.
        tracing::info!(route, status, duration_ms = elapsed.as_secs_f64() * 1000.0, "Request finished");
    }
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
