//! Which origins' scripts may use the API (CORS, WHATWG Fetch).
//!
//! tower-http answers every OPTIONS as a preflight and tells every origin what is allowed. Here only
//! the preflight of an allowed origin is one: any other OPTIONS reaches the routes, whose answer is
//! 405, and an origin that is not allowed learns nothing.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures::future::{Either, MapOk, TryFutureExt};
use http::{HeaderName, HeaderValue, Method, header};
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use crate::config::AllowedOrigin;

/// Headers that scripts may send.
const REQUEST_HEADERS: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-correlation-id"),
    HeaderName::from_static("traceparent"),
];

/// Headers that scripts may read.
const EXPOSED_HEADERS: [HeaderName; 8] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-correlation-id"),
    HeaderName::from_static("idempotency-replayed"),
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// How long a browser may keep the answer to a preflight, in seconds.
const MAX_AGE_SECONDS: u64 = 600;

/// The layer.
#[derive(Clone)]
pub(crate) struct CorsPolicy(Arc<PolicyParts>);

struct PolicyParts {
    allowed: Box<[AllowedOrigin]>,
    cors: CorsLayer,
}

impl CorsPolicy {
    /// A policy that lets in these origins.
    pub(crate) fn new(allowed: &[AllowedOrigin]) -> Self {
        // The choice of the origin is made before tower-http sees the request.
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::mirror_request())
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(REQUEST_HEADERS)
            .expose_headers(EXPOSED_HEADERS)
            .max_age(std::time::Duration::from_secs(MAX_AGE_SECONDS));
        Self(Arc::new(PolicyParts { allowed: allowed.into(), cors }))
    }

    fn applies_to(&self, request: &Request) -> bool {
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let is_allowed =
            origin.is_some_and(|origin| self.0.allowed.iter().any(|allowed| allowed.allows(origin)));
        let is_preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        is_allowed && (request.method() != Method::OPTIONS || is_preflight)
    }
}

impl<S: Clone> Layer<S> for CorsPolicy {
    type Service = SelectiveCors<S>;

    fn layer(&self, inner: S) -> SelectiveCors<S> {
        SelectiveCors { policy: self.clone(), inner }
    }
}

/// A service with CORS for some requests.
#[derive(Clone)]
pub(crate) struct SelectiveCors<S> {
    policy: CorsPolicy,
    inner: S,
}

impl<S> Service<Request> for SelectiveCors<S>
where
    S: Service<Request, Response = Response> + Clone,
    Cors<S>: Service<Request, Response = Response, Error = S::Error>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<<Cors<S> as Service<Request>>::Future, MapOk<S::Future, fn(Response) -> Response>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.policy.applies_to(&request) {
            // Routes are always ready, also this copy of them.
            Either::Left(self.policy.0.cors.layer(self.inner.clone()).call(request))
        } else {
            Either::Right(self.inner.call(request).map_ok(varies_by_origin as fn(Response) -> Response))
        }
    }
}

/// A cache must not give an allowed origin the answer of another one.
fn varies_by_origin(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode, request::Builder};

    use crate::testing::{gateway, send};

    fn preflight(origin: &str) -> Builder {
        Request::options("/events")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,idempotency-key")
    }

    #[tokio::test]
    async fn a_preflight_of_an_allowed_origin_is_answered() {
        let response = send(&gateway([]), preflight("http://localhost:5173"), "").await;
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "http://localhost:5173");
        let methods = headers["access-control-allow-methods"].to_str().expect("text");
        assert!(["POST", "PATCH", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        let allowed = headers["access-control-allow-headers"].to_str().expect("text");
        assert!(["authorization", "if-match", "idempotency-key"].iter().all(|name| allowed.contains(name)));
    }

    #[tokio::test]
    async fn an_allowed_origin_may_read_our_headers_also_on_errors() {
        let request = Request::get("/nowhere").header("origin", "http://localhost:5173");
        let response = send(&gateway([]), request, "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let exposed = response.headers()["access-control-expose-headers"].to_str().expect("text");
        for name in ["etag", "location", "x-correlation-id", "idempotency-replayed", "ratelimit-reset"] {
            assert!(exposed.contains(name), "{name} is not in {exposed}");
        }
    }

    #[tokio::test]
    async fn another_origin_learns_nothing() {
        for request in [preflight("https://evil.example"), Request::get("/api").header("origin", "null")] {
            let response = send(&gateway([]), request, "").await;
            let cors = response.headers().keys().filter(|name| name.as_str().starts_with("access-control"));
            assert_eq!(cors.count(), 0);
            assert_eq!(response.headers()["vary"], "origin");
        }
    }

    #[tokio::test]
    async fn an_options_request_that_is_no_preflight_is_not_allowed() {
        let request = Request::options("/events").header("origin", "http://localhost:5173");
        let response = send(&gateway([]), request, "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(response.headers().contains_key("allow"));
    }
}
