//! Logs and measures every request, including those whose clients disconnect.

use std::{sync::Arc, time::Instant};

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    layer::{Inner, Next},
    metrics::{GaugeGuard, Histograms},
    outcome_guard::observe_outcome,
};
use http::Method;
use metrics::{Counter, Gauge};

use super::route::Route;

/// The route label for all paths that no route matches, so that clients cannot create arbitrary label values.
const UNMATCHED_ROUTE: &str = "unmatched";

/// The client disconnected before the response. HTTP does not define this status, but nginx uses it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The request metrics.
#[derive(Clone)]
pub(crate) struct RequestMetrics {
    active: Gauge,
    /// Server errors, except those of health checks. The counter is registered at startup, because the histogram for
    /// a status appears only with the first request that has this status, and Prometheus would not count that request
    /// as an increase.
    failed: Counter,
    /// By route, method and status.
    durations: Arc<Histograms<(&'static str, u16)>>,
}

impl RequestMetrics {
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

/// The layer function: logs and measures the request.
pub(crate) async fn log_request(
    metrics: RequestMetrics,
    mut request: Request,
    next: Next<impl Inner>,
) -> Response {
    let _active = GaugeGuard::new(&metrics.active);
    let observed = ObservedRequest {
        metrics: &metrics,
        started: Instant::now(),
        method: method_label(request.method()),
        route: Route::for_request(&mut request),
    };
    let end = observe_outcome(|status| observed.record_outcome(status));
    let response = next.run(request).await;
    end.finish(response.status().as_u16());
    response
}

/// A request in progress.
struct ObservedRequest<'m> {
    metrics: &'m RequestMetrics,
    started: Instant,
    method: &'static str,
    route: Route,
}

impl ObservedRequest<'_> {
    /// Logs and measures the request. `status` is `None` if the client disconnected.
    fn record_outcome(&self, status: Option<u16>) {
        let (status, elapsed) = (status.unwrap_or(CLIENT_CLOSED_REQUEST), self.started.elapsed());
        let route = self.route.template().unwrap_or(UNMATCHED_ROUTE);
        self.metrics.durations.record(route, (self.method, status), elapsed);
        let is_health_check = route.starts_with("/health");
        if status >= 500 && !is_health_check {
            self.metrics.failed.increment(1);
        }
        let duration_ms = elapsed.as_secs_f64() * 1000.0;
        // The method is not repeated here, because it is a field of the span.
        if is_health_check && status < 400 {
            // Probes come every few seconds for as long as the process runs.
            tracing::debug!(route, status, duration_ms, "Request finished");
        } else {
            tracing::info!(route, status, duration_ms, "Request finished");
        }
    }
}

/// The label of a method. All methods that HTTP does not define share the label `_OTHER` (OpenTelemetry semantic
/// conventions), so that clients cannot create arbitrary label values.
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
    fn an_unknown_method_is_labeled_other() {
        assert_eq!(method_label(&Method::PATCH), "PATCH");
        assert_eq!(method_label(&Method::from_bytes(b"BREW").expect("a method")), "_OTHER");
    }
}
