//! Tests of the combined layers and extractors. They need no service.

use http::{Method, Request, StatusCode, header, request::Builder};
use serde_json::json;
use uuid::Uuid;

use crate::testing::{bearer, gateway, json, send};

const LOGIN: &str = "/auth/login";

fn post_json(path: &str) -> Builder {
    Request::post(path).header(header::CONTENT_TYPE, "application/json")
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_with_the_correlation_id_of_the_request() {
    let request = Request::get("/nowhere?q=1").header("x-correlation-id", "order-66");
    let response = send(&gateway([]), request, "").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["x-correlation-id"], "order-66");
    assert_eq!(
        json(response).await,
        json!({
            "type": "urn:eventboard:problem:unknown-path",
            "title": "Unknown path",
            "status": 404,
            "detail": "No endpoint exists at this path.",
            "instance": "/nowhere",
            "correlationId": "order-66",
        })
    );
}

#[tokio::test]
async fn a_malformed_correlation_id_is_replaced_in_header_and_body() {
    let request = Request::get("/nowhere").header("x-correlation-id", "two words");
    let response = send(&gateway([]), request, "").await;
    let id = response.headers()["x-correlation-id"].to_str().expect("text").to_owned();
    assert!(Uuid::parse_str(&id).is_ok(), "{id}");
    assert_eq!(json(response).await["correlationId"], id);
}

#[tokio::test]
async fn a_405_lists_the_allowed_methods() {
    for (path, allowed) in [
        ("/events", vec!["GET", "HEAD", "POST"]),
        ("/events/x", vec!["DELETE", "GET", "HEAD", "PATCH"]),
        (LOGIN, vec!["POST"]),
        ("/health", vec!["GET", "HEAD"]),
    ] {
        let response = send(&gateway([]), Request::put(path), "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allow = response.headers()["allow"].to_str().expect("text");
        let mut methods: Vec<_> = allow.split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods, allowed, "{path}");
        assert_eq!(json(response).await["type"], "urn:eventboard:problem:method-not-allowed");
    }
}

#[tokio::test]
async fn a_missing_token_is_a_401_before_any_other_error() {
    let id = "not-an-id";
    for (method, path) in [
        (Method::GET, "/auth/me?x=1".to_owned()),
        (Method::POST, "/events".into()),
        (Method::GET, "/events?page=0".into()),
        (Method::GET, format!("/events/{id}")),
        (Method::PATCH, format!("/events/{id}")),
        (Method::DELETE, format!("/events/{id}")),
        (Method::POST, format!("/events/{id}/submit")),
        (Method::POST, format!("/events/{id}/approve")),
        (Method::POST, format!("/events/{id}/reject")),
    ] {
        let request = Request::builder().method(&method).uri(&path).header("authorization", "Bearer x.y.z");
        let response = send(&gateway([]), request, "not json").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert!(response.headers().contains_key("ratelimit-remaining"));
    }
}

#[tokio::test]
async fn a_body_is_checked_for_size_then_media_type_then_syntax() {
    let too_long = "x".repeat(64 * 1024 + 1);
    let gateway = gateway([]);
    let response = send(&gateway, Request::post(LOGIN), &too_long).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let declared = Request::post(LOGIN).header(header::CONTENT_LENGTH, "65537");
    assert_eq!(send(&gateway, declared, "").await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let at_the_limit = send(&gateway, Request::post(LOGIN), &too_long[1..]).await;
    assert_eq!(at_the_limit.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let malformed = send(&gateway, post_json(LOGIN), "{\"email\":").await;
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
    let body = json(malformed).await;
    assert_eq!(body["errors"][0]["field"], "body");
    assert_eq!(body["errors"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn all_violations_of_body_and_query_are_reported_at_once() {
    let response = send(&gateway([]), post_json("/auth/login?x=1"), "{\"email\":1,\"y\":2}").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        json(response).await["errors"],
        json!([
            {"field": "email", "message": "must be a string"},
            {"field": "password", "message": "is required"},
            {"field": "x", "message": "is not a known parameter"},
            {"field": "y", "message": "is not a known field"},
        ])
    );
}

#[tokio::test]
async fn an_unreachable_service_is_a_503() {
    let credentials = r#"{"email":"a@b.cd","password":"Password123!"}"#;
    let gateway = gateway([]);
    let with_token = Request::get("/auth/me").header("authorization", bearer(Uuid::now_v7()));
    // The cache is empty and no service is running, so the token's user cannot be validated.
    for (request, body) in [(post_json(LOGIN), credentials), (with_token, "")] {
        let response = send(&gateway, request, body).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        let body = json(response).await;
        assert_eq!(body["type"], "urn:eventboard:problem:unavailable");
        assert!(!body.to_string().contains("connect"), "{body}");
    }
}

#[tokio::test]
async fn an_invalid_token_is_ignored_where_no_token_is_required() {
    let request = post_json(LOGIN).header("authorization", "Bearer invalid");
    assert_eq!(send(&gateway([]), request, "{}").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn head_is_allowed_wherever_get_is() {
    for path in ["/health/live", "/api/openapi.json"] {
        let response = send(&gateway([]), Request::head(path), "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "application/json");
    }
    assert_eq!(send(&gateway([]), Request::head("/nowhere"), "").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn health_returns_a_health_document_and_not_a_problem() {
    let response = send(&gateway([]), Request::get("/health"), "").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("x-correlation-id"));
    assert!(!response.headers().contains_key("ratelimit-limit"));
    assert_eq!(json(response).await["service"], "api-gateway");
}
