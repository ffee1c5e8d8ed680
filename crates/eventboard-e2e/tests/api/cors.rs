//! CORS.

use std::collections::HashSet;

use reqwest::Method;

use crate::support::{Anonymous, Answer, Stack, send};

const ALLOWED: &str = "http://localhost:5173";

async fn from(anonymous: &Anonymous, origin: &str, path: &str) -> Answer {
    send(anonymous.request(Method::GET, path).header("origin", origin)).await
}

fn words(answer: &Answer, header: &str) -> HashSet<String> {
    let values = answer.headers.get_all(header).iter().map(|value| value.to_str().unwrap().to_lowercase());
    values.flat_map(|value| value.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn scripts_of_a_development_origin_may_read_answers_and_their_headers() {
    let stack = Stack::start().await;
    for path in ["/health", "/events", "/nowhere"] {
        let answer = from(&stack.anonymous(), ALLOWED, path).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED), "{path}");
        let exposed = words(&answer, "access-control-expose-headers");
        for header in [
            "etag",
            "location",
            "x-correlation-id",
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
async fn other_origins_learn_nothing() {
    let stack = Stack::start().await;
    for origin in ["https://localhost:5173", "http://localhost.evil.example", "http://localhost:x", "null"] {
        let answer = from(&stack.anonymous(), origin, "/health").await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn a_preflight_allows_every_method_and_header_of_the_api() {
    let stack = Stack::start().await;
    let preflight = stack.anonymous().request(Method::OPTIONS, "/events/1").header("origin", ALLOWED);
    let asked = "authorization, content-type, idempotency-key, if-match, if-none-match, x-correlation-id";
    let preflight = preflight.header("access-control-request-headers", asked);
    let answer = send(preflight.header("access-control-request-method", "PATCH")).await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
    let allowed = words(&answer, "access-control-allow-headers");
    assert!(asked.split(", ").all(|header| allowed.contains(header)), "{allowed:?}");
    let methods = words(&answer, "access-control-allow-methods");
    assert!(["get", "post", "patch", "delete"].iter().all(|method| methods.contains(*method)), "{methods:?}");
}

#[tokio::test]
async fn configured_origins_replace_those_of_development() {
    let stack = Stack::start_with(&[("CORS_ALLOWED_ORIGINS", "https://app.example.org")]).await;
    let allowed = from(&stack.anonymous(), "https://app.example.org", "/health").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.org"));
    let other = from(&stack.anonymous(), ALLOWED, "/health").await;
    assert_eq!(other.header("access-control-allow-origin"), None);
}
