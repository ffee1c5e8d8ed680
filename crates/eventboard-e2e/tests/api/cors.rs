//! CORS.

use std::collections::HashSet;

use reqwest::Method;

use crate::support::{Anonymous, Response, Stack, send};

const ALLOWED: &str = "http://localhost:5173";

async fn get_from(anonymous: &Anonymous, origin: &str, path: &str) -> Response {
    send(anonymous.request(Method::GET, path).header("origin", origin)).await
}

fn header_values(response: &Response, header: &str) -> HashSet<String> {
    let values = response.headers.get_all(header).iter().map(|value| value.to_str().unwrap().to_lowercase());
    values.flat_map(|value| value.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn a_development_origin_may_read_responses_and_their_headers() {
    let stack = Stack::start().await;
    for path in ["/health", "/events", "/nowhere"] {
        let response = get_from(&stack.anonymous(), ALLOWED, path).await;
        assert_eq!(response.header("access-control-allow-origin"), Some(ALLOWED), "{path}");
        let exposed = header_values(&response, "access-control-expose-headers");
        for header in [
            "etag",
            "location",
            "x-correlation-id",
            "x-request-id",
            "server-timing",
            "idempotency-replayed",
            "retry-after",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
        ] {
            assert!(exposed.contains(header), "{header} of {path}");
        }
    }
}

#[tokio::test]
async fn other_origins_are_not_allowed() {
    let stack = Stack::start().await;
    for origin in ["https://localhost:5173", "http://localhost.evil.example", "http://localhost:x", "null"] {
        let response = get_from(&stack.anonymous(), origin, "/health").await.expect(200);
        assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn a_preflight_allows_every_method_and_header_of_the_api() {
    let stack = Stack::start().await;
    let preflight = stack.anonymous().request(Method::OPTIONS, "/events/1").header("origin", ALLOWED);
    let requested = "authorization, content-type, idempotency-key, if-match, if-none-match, x-correlation-id, \
                     x-request-id";
    let preflight = preflight.header("access-control-request-headers", requested);
    let response = send(preflight.header("access-control-request-method", "PATCH")).await;
    assert!(matches!(response.status, 200 | 204), "{}", response.status);
    let allowed = header_values(&response, "access-control-allow-headers");
    assert!(requested.split(", ").all(|header| allowed.contains(header)), "{allowed:?}");
    let methods = header_values(&response, "access-control-allow-methods");
    assert!(["get", "post", "patch", "delete"].iter().all(|method| methods.contains(*method)), "{methods:?}");
}

#[tokio::test]
async fn configured_origins_replace_the_development_origins() {
    let stack = Stack::start_with(&[("CORS_ALLOWED_ORIGINS", "https://app.example.org")]).await;
    let allowed = get_from(&stack.anonymous(), "https://app.example.org", "/health").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.org"));
    let other = get_from(&stack.anonymous(), ALLOWED, "/health").await;
    assert_eq!(other.header("access-control-allow-origin"), None);
}
