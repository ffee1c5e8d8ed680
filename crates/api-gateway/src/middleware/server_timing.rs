//! Tells the client how long the server worked on its request (W3C Server Timing).
//!
//! With a resolution of 0.1 ms, a client learns no more than it can measure itself in the same network. The services
//! must not let it learn a secret from that: a login takes the same time whether the user exists or not.

use std::{fmt::Write, time::Duration};

use axum::{extract::Request, response::Response};
use eventboard_chassis::layer::{Inner, Next};
use eventboard_client::CallTimings;
use http::{HeaderName, HeaderValue};
use tokio::time::Instant;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The layer function: measures the request, and collects the durations of the calls to services in an extension.
pub(crate) async fn measure((): (), mut request: Request, next: Next<impl Inner>) -> Response {
    let (started, calls) = (Instant::now(), CallTimings::default());
    request.extensions_mut().insert(calls.clone());
    let mut response = next.run(request).await;
    if let Some(timing) = server_timing(started.elapsed(), &calls) {
        response.headers_mut().insert(SERVER_TIMING, timing);
    }
    response
}

/// The names of services are tokens, so the header is always valid.
fn server_timing(total: Duration, calls: &CallTimings) -> Option<HeaderValue> {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let mut text = format!("total;dur={:.1}", milliseconds(total));
    for (service, duration) in calls.by_service() {
        write!(text, ", {service};dur={:.1}", milliseconds(duration)).ok()?;
    }
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};
    use uuid::Uuid;

    use super::*;
    use crate::testing::{bearer, gateway, send};

    /// The names and durations in a `Server-Timing` header.
    fn parse(header: &HeaderValue) -> Vec<(String, f64)> {
        let metrics = header.to_str().expect("text").split(", ");
        let metrics = metrics.map(|metric| {
            let (name, duration) = metric.split_once(";dur=").expect("a duration");
            (name.to_owned(), duration.parse().expect("a number"))
        });
        metrics.collect()
    }

    #[test]
    fn durations_are_milliseconds_with_one_decimal() {
        let timing = server_timing(Duration::from_micros(1_234_567), &CallTimings::default());
        assert_eq!(timing.expect("a header"), "total;dur=1234.6");
    }

    #[tokio::test]
    async fn every_response_tells_the_time_that_it_took() {
        for (method, path) in [
            (Method::GET, "/health/live"),
            (Method::HEAD, "/api/openapi.json"),
            (Method::GET, "/nowhere"),
            (Method::PUT, "/events"),
            (Method::GET, "/events"),
        ] {
            let request = http::Request::builder().method(&method).uri(path);
            let response = send(&gateway([]), request, "").await;
            let timing = parse(&response.headers()[SERVER_TIMING]);
            assert_eq!(timing.len(), 1, "{method} {path}: {timing:?}");
            assert_eq!(timing[0].0, "total");
        }
    }

    #[tokio::test]
    async fn calls_to_a_service_are_part_of_the_total() {
        let request = http::Request::get("/events").header("authorization", bearer(Uuid::now_v7()));
        let response = send(&gateway([]), request, "").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let timing = parse(&response.headers()[SERVER_TIMING]);
        let names: Vec<_> = timing.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["total", "auth-service"]);
        assert!(timing[0].1 >= timing[1].1, "{timing:?}");
    }
}
