//! Tests of the combined layers and extractors. They need no service.

use std::{convert::Infallible, pin::pin, time::Duration};

use axum::{Router, body::Body};
use flate2::read::GzDecoder;
use futures::stream;
use http::{Method, Request, StatusCode, header, request::Builder};
use http_body_util::BodyExt;
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

use crate::testing::{bearer, gateway, json, send};

const LOGIN: &str = "/auth/login";

/// How much longer an error response may be than its request, in bytes: 50 violations with their texts and, around
/// them, the rest of the document.
const MAX_ERROR_OVERHEAD: usize = 9 * 1024;

fn post_json(path: &str) -> Builder {
    Request::post(path).header(header::HOST, "localhost").header(header::CONTENT_TYPE, "application/json")
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
        (Method::PATCH, "/auth/me".into()),
        (Method::POST, "/auth/me/delete".into()),
        (Method::GET, "/auth/me/export?x=1".into()),
        (Method::PATCH, "/organization".into()),
        (Method::DELETE, format!("/organization/members/{id}")),
        (Method::GET, "/organization/people".into()),
    ] {
        let request = Request::builder().method(&method).uri(&path).header("authorization", "Bearer x.y.z");
        let response = send(&gateway([]), request, "not json").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert!(response.headers().contains_key("ratelimit-remaining"));
    }
}

#[tokio::test]
async fn a_uri_of_more_than_8000_bytes_is_a_414() {
    let gateway = gateway([]);
    let uri = |bytes: usize| format!("/nowhere?{}", "x".repeat(bytes - "/nowhere?".len()));
    assert_eq!(send(&gateway, Request::get(uri(8000)), "").await.status(), StatusCode::NOT_FOUND);
    let response = send(&gateway, Request::get(uri(8001)).header("x-correlation-id", "order-66"), "").await;
    assert_eq!(response.status(), StatusCode::URI_TOO_LONG);
    let body = json(response).await;
    assert_eq!((&body["title"], &body["instance"]), (&json!("URI Too Long"), &json!("/nowhere")));
    assert_eq!(body["detail"], "The path with its query must not exceed 8000 bytes.");
    assert_eq!(body["correlationId"], "order-66");
}

#[tokio::test]
async fn header_fields_of_more_than_8_kib_are_a_431() {
    let gateway = gateway([]);
    // Each field counts 32 bytes more than its name and value. `Host` is one of them.
    let host = "host".len() + "localhost".len() + 32;
    let with_fields = |fields: usize, bytes: usize| {
        let value = "x".repeat((bytes - host) / fields - "cookie".len() - 32);
        (0..fields).fold(Request::get("/nowhere"), |request, _| request.header("cookie", &value))
    };
    for fields in [1, 8] {
        let status = send(&gateway, with_fields(fields, 8192), "").await.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{fields}");
        let response = send(&gateway, with_fields(fields, 8200), "").await;
        assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{fields}");
        assert_eq!(json(response).await["type"], "urn:eventboard:problem:headers-too-large");
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

/// A login whose client never sends the body.
fn silent_login() -> Request<Body> {
    let silent = Body::from_stream(stream::pending::<Result<Vec<u8>, Infallible>>());
    post_json(LOGIN).body(silent).expect("a request")
}

#[tokio::test]
async fn a_request_takes_no_place_while_its_body_arrives() {
    let gateway = gateway([("MAX_CONCURRENT_REQUESTS", "1")]);
    let mut silent = pin!(gateway.clone().oneshot(silent_login()));
    assert!(futures::poll!(&mut silent).is_pending());
    let response = send(&gateway, post_json(LOGIN), "{}").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(futures::poll!(&mut silent).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_arrives_too_slowly_is_a_408_that_closes_the_connection() {
    let gateway = gateway([("LOGIN_DEADLINE", "10s")]);
    let started = Instant::now();
    let response = gateway.oneshot(silent_login()).await.expect("a router does not fail");
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(response.headers()["connection"], "close");
    let body = json(response).await;
    assert_eq!(body["type"], "urn:eventboard:problem:deadline-exceeded");
    assert_eq!(body["detail"], "The body of the request arrived too slowly.");
}

#[tokio::test]
async fn the_first_fifty_violations_are_listed_and_the_others_counted() {
    let members: Vec<_> = (0..7_000).map(|number| format!("\"{number}\":0")).collect();
    let body = json(send(&gateway([]), post_json(LOGIN), &format!("{{{}}}", members.join(","))).await).await;
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(50));
    assert_eq!(body["errors"][0], json!({"field": "email", "message": "is required"}));
    // The two missing fields are violations too.
    assert_eq!(body["errorsOmitted"], 7_000 + 2 - 50);
}

#[tokio::test]
async fn texts_of_the_client_are_cut_to_100_characters() {
    let long = "x".repeat(60_000);
    let cut = format!("{}…", "x".repeat(99));
    let gateway = gateway([]);
    for (path, body) in [
        (format!("{LOGIN}?{}=1", &long[..7000]), "{}".to_owned()),
        (LOGIN.into(), format!("{{\"{long}\":1}}")),
    ] {
        let errors = json(send(&gateway, post_json(&path), &body).await).await["errors"].take();
        assert_eq!(errors[2]["field"], cut);
    }
    for (method, path) in [(Method::GET, format!("/{long}")), (Method::POST, format!("/events/{long}"))] {
        let body = json(send(&gateway, Request::builder().method(&method).uri(&path), "").await).await;
        let instance = body["instance"].as_str().expect("text");
        assert_eq!(instance.len(), 100, "{method}");
        assert!(instance.ends_with("...") && path.starts_with(instance.trim_end_matches('.')), "{instance}");
    }
}

/// The HTTP library does not accept longer URIs, in bytes.
const MAX_URI_LENGTH: usize = 65_534;

/// The parts of an arbitrary request.
#[derive(Debug)]
struct ArbitraryRequest {
    method: &'static str,
    uri: String,
    key: String,
    body: Vec<u8>,
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

fn arbitrary_uri() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        3 => Just(LOGIN.to_owned()),
        2 => Just("/auth/signup".to_owned()),
        1 => "/events/.{0,300}".prop_map(|path| path.split('/').map(percent_encoded).collect::<Vec<_>>().join("/")),
        1 => "(?s)/.{0,300}".prop_map(|path| format!("/{}", percent_encoded(&path))),
    ];
    let name = prop_oneof!["(?s).{0,150}", "[\\x00-\\x1f]{0,150}", "[\"\\\\]{0,150}"];
    let query = vec((name, "(?s).{0,20}"), 0..80).prop_map(|pairs| {
        let pairs =
            pairs.iter().map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    });
    (path, query).prop_map(|(path, query)| {
        let mut uri = format!("{path}?{query}");
        uri.truncate(MAX_URI_LENGTH);
        uri
    })
}

fn arbitrary_body() -> impl Strategy<Value = Vec<u8>> {
    let member = ("(?s).{0,150}", prop_oneof![Just(Value::Null), any::<String>().prop_map(Value::from)]);
    let object = vec(member, 0..80).prop_map(|members| Value::Object(members.into_iter().collect()));
    prop_oneof![
        3 => object.prop_map(|object| object.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..200),
    ]
}

fn arbitrary_request() -> impl Strategy<Value = ArbitraryRequest> {
    let method = prop_oneof![3 => Just("POST"), 1 => Just("GET"), 1 => Just("BREW")];
    (method, arbitrary_uri(), "[ -~]{0,300}", arbitrary_body())
        .prop_map(|(method, uri, key, body)| ArbitraryRequest { method, uri, key, body })
}

/// Sends the request. Returns the lengths of the request and of the body of the response, in bytes.
async fn exchange(gateway: &Router, request: ArbitraryRequest) -> (usize, usize) {
    let ArbitraryRequest { method, uri, key, body } = request;
    let sent = method.len() + uri.len() + key.len() + body.len();
    let request = post_json(&uri).method(method).header("idempotency-key", key);
    let request = request.body(Body::from(body)).expect("a request");
    let response = gateway.clone().oneshot(request).await.expect("a router does not fail");
    assert!(response.status().is_client_error() || response.status() == StatusCode::SERVICE_UNAVAILABLE);
    let received = response.into_body().collect().await.expect("a body").to_bytes().len();
    (sent, received)
}

#[test]
fn an_error_response_is_hardly_longer_than_its_request() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let gateway = runtime.block_on(async { gateway([("RATE_LIMIT_ENABLED", "false")]) });
    proptest!(ProptestConfig::with_cases(30), |(request in arbitrary_request())| {
        let (sent, received) = runtime.block_on(exchange(&gateway, request));
        prop_assert!(received <= sent + MAX_ERROR_OVERHEAD, "{received} bytes for {sent} bytes");
    });
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
async fn a_host_that_is_missing_ambiguous_or_invalid_is_a_400_before_any_other_error() {
    for (hosts, detail) in [
        (&[][..], "The request has no Host header."),
        (&["a", "a"], "The request has more than one Host header."),
        (&["a b"], "The Host header is not a host with an optional port."),
    ] {
        for (method, path) in
            [(Method::GET, "/events"), (Method::GET, "/nowhere"), (Method::OPTIONS, "/events")]
        {
            let request = Request::builder().method(method).uri(path).header("origin", "http://localhost:1");
            let request = request.header("access-control-request-method", "POST");
            let request = hosts.iter().fold(request, |request, host| request.header(header::HOST, *host));
            let response = gateway([]).oneshot(request.body(Body::empty()).expect("a request")).await;
            let response = response.expect("a router does not fail");
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path} {hosts:?}");
            let body = json(response).await;
            assert_eq!(body["type"], "urn:eventboard:problem:invalid-host");
            assert_eq!(body["detail"], detail);
        }
    }
}

#[tokio::test]
async fn health_returns_a_health_document_and_not_a_problem() {
    let response = send(&gateway([]), Request::get("/health"), "").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("x-correlation-id"));
    assert!(!response.headers().contains_key("ratelimit-limit"));
    assert_eq!(json(response).await["service"], "api-gateway");
}

#[tokio::test]
async fn a_refused_condition_is_not_cached_as_the_content_and_has_the_problem_as_its_body() {
    for path in ["/favicon.ico", "/robots.txt", "/api", "/api/openapi.json", "/api/swagger-ui-bundle.js"] {
        let request = Request::get(path)
            .header(header::IF_MATCH, "\"another\"")
            .header(header::ACCEPT, "text/html")
            .header(header::ACCEPT_ENCODING, "gzip, identity;q=0");
        let response = send(&gateway([]), request, "").await;
        assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED, "{path}");
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/problem+json", "{path}");
        for name in ["cache-control", "etag", "link", "content-security-policy"] {
            assert!(!headers.contains_key(name), "{path}: {name}");
        }
        assert_eq!(headers["content-encoding"], "gzip", "{path}");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let problem: Value = serde_json::from_reader(GzDecoder::new(&body[..])).expect("JSON");
        assert_eq!(problem["status"], 412, "{path}");
    }
}

#[tokio::test]
async fn signup_and_login_have_no_representation_that_could_match() {
    let login = r#"{"email":"a@b.example","password":"Passw0rd!"}"#;
    let signup = r#"{"email":"a@b.example","password":"Passw0rd!","firstName":"A","lastName":"B","organizationName":"Acme"}"#;
    for (path, body) in [(LOGIN, login), ("/auth/signup", signup)] {
        for (name, value, status) in [
            (header::IF_MATCH, "\"1\"", StatusCode::PRECONDITION_FAILED),
            (header::IF_MATCH, "*", StatusCode::PRECONDITION_FAILED),
            (header::IF_MATCH, "1", StatusCode::BAD_REQUEST),
            // Goes on to auth-service, which does not run.
            (header::IF_NONE_MATCH, "*", StatusCode::SERVICE_UNAVAILABLE),
        ] {
            let response = send(&gateway([]), post_json(path).header(&name, value), body).await;
            assert_eq!(response.status(), status, "{path} {name}: {value}");
        }
    }
}
