//! CORS (WHATWG Fetch): allows scripts from the configured origins to use the API.
//!
//! tower-http treats every OPTIONS request as a preflight request and sends CORS headers to every origin. This layer
//! applies CORS to allowed origins only. An OPTIONS request that is not a preflight request reaches the routes and
//! gets a 405. A request from an origin that is not allowed gets no CORS headers.

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
const REQUEST_HEADERS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-correlation-id"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
];

/// Headers that scripts may read.
const EXPOSED_HEADERS: [HeaderName; 10] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-correlation-id"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("server-timing"),
    HeaderName::from_static("idempotency-replayed"),
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// How long a browser may cache the response to a preflight request, in seconds.
const MAX_AGE_SECONDS: u64 = 600;

/// The CORS layer.
#[derive(Clone)]
pub(crate) struct CorsPolicy(Arc<CorsPolicyParts>);

struct CorsPolicyParts {
    allowed: Box<[AllowedOrigin]>,
    cors: CorsLayer,
}

impl CorsPolicy {
    /// Creates a policy that allows these origins.
    pub(crate) fn new(allowed: &[AllowedOrigin]) -> Self {
        // Safe, because `applies_to` checks the origin before tower-http sees the request.
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::mirror_request())
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(REQUEST_HEADERS)
            .expose_headers(EXPOSED_HEADERS)
            .max_age(std::time::Duration::from_secs(MAX_AGE_SECONDS));
        Self(Arc::new(CorsPolicyParts { allowed: allowed.into(), cors }))
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

/// A service that applies CORS to requests from allowed origins.
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
            // The routes are always ready, so this clone is ready too.
            Either::Left(self.policy.0.cors.layer(self.inner.clone()).call(request))
        } else {
            Either::Right(self.inner.call(request).map_ok(add_vary_origin as fn(Response) -> Response))
        }
    }
}

/// Adds `Vary: Origin`, because a cache must not serve a response for one origin to another origin.
fn add_vary_origin(mut response: Response) -> Response {
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
    async fn a_preflight_of_an_allowed_origin_gets_cors_headers() {
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
    async fn an_allowed_origin_may_read_the_exposed_headers_of_errors() {
        let request = Request::get("/nowhere").header("origin", "http://localhost:5173");
        let response = send(&gateway([]), request, "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let exposed = response.headers()["access-control-expose-headers"].to_str().expect("text");
        for name in ["etag", "location", "x-correlation-id", "idempotency-replayed", "ratelimit-reset"] {
            assert!(exposed.contains(name), "{name} is not in {exposed}");
        }
    }

    #[tokio::test]
    async fn an_origin_that_is_not_allowed_gets_no_cors_headers() {
        for request in [preflight("https://evil.example"), Request::get("/api").header("origin", "null")] {
            let response = send(&gateway([]), request, "").await;
            let cors = response.headers().keys().filter(|name| name.as_str().starts_with("access-control"));
            assert_eq!(cors.count(), 0);
            assert!(response.headers()["vary"].to_str().expect("text").starts_with("origin"));
        }
    }

    #[tokio::test]
    async fn an_options_request_that_is_not_a_preflight_is_a_405() {
        let request = Request::options("/events").header("origin", "http://localhost:5173");
        let response = send(&gateway([]), request, "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(response.headers().contains_key("allow"));
    }
}
