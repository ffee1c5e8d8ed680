//! Errors that are common to all routes.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::json;

use crate::support::{Actor, Response, Stack, database, event_body, raw, send};

const BODY_LIMIT: usize = 64 * 1024;

async fn post_bytes(actor: &Actor, body: Vec<u8>) -> Response {
    send(actor.request(Method::POST, "/events").header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn an_unknown_path_returns_a_problem_document() {
    let stack = Stack::start().await;
    for path in [
        "/nowhere",
        "/events/",
        "/auth",
        "/events/1/2/3",
        "/EVENTS",
        "/health/",
        "/%FF",
        "/api/x",
        "/metrics",
    ] {
        let response = stack.anonymous().get(path).await;
        assert_eq!(response.expect_problem(404)["instance"], path);
    }
}

#[tokio::test]
async fn a_405_lists_the_allowed_methods() {
    let stack = Stack::start().await;
    let event = "/events/00000000-0000-0000-0000-000000000001";
    let submit = format!("{event}/submit");
    for (method, path, allowed) in [
        (Method::PUT, "/events", &["GET", "HEAD", "POST"][..]),
        (Method::PUT, event, &["GET", "HEAD", "PATCH", "DELETE"]),
        (Method::GET, &submit, &["POST"]),
        (Method::GET, "/auth/login", &["POST"]),
        (Method::POST, "/auth/me", &["GET", "HEAD", "PATCH"]),
        (Method::DELETE, "/health", &["GET", "HEAD"]),
        (Method::OPTIONS, "/events", &["GET", "HEAD", "POST"]),
    ] {
        let response = send(stack.anonymous().request(method, path)).await;
        response.expect_problem(405);
        let listed: HashSet<_> = response.header("allow").unwrap().split(',').map(str::trim).collect();
        assert_eq!(listed, allowed.iter().copied().collect(), "{path}");
    }
}

#[tokio::test]
async fn head_of_an_error_returns_its_headers_without_a_body() {
    let stack = Stack::start().await;
    for (path, status) in [("/nowhere", 404), ("/events", 401), ("/auth/login", 405)] {
        let response = send(stack.anonymous().request(Method::HEAD, path)).await.expect(status);
        assert_eq!(
            (response.header("content-type"), response.text.as_str()),
            (Some("application/problem+json"), "")
        );
    }
}

#[tokio::test]
async fn without_a_token_no_other_errors_are_reported() {
    let stack = Stack::start().await;
    let event = "/events/00000000-0000-0000-0000-000000000001";
    for (method, path) in [
        (Method::GET, "/auth/me?x=1"),
        (Method::GET, "/events?page=0"),
        (Method::POST, "/events"),
        (Method::GET, "/events/1"),
        (Method::PATCH, event),
        (Method::DELETE, event),
        (Method::POST, "/events/1/submit"),
        (Method::POST, "/events/1/approve"),
        (Method::POST, "/events/1/reject"),
    ] {
        let request = stack.anonymous().request(method, path).header("content-type", "text/plain");
        let response = send(request.body(vec![b'x'; BODY_LIMIT + 1])).await;
        response.expect_problem(401);
        assert!(response.header("www-authenticate").unwrap().starts_with("Bearer"), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_reported_as_one_violation() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let deep = ["[", "{\"a\":"].map(|opening| opening.repeat(10_000).into_bytes());
    let mut invalid: Vec<Vec<u8>> = deep.into();
    invalid.extend(
        [
            "",
            "{",
            "[]",
            "null",
            "\"x\"",
            "{\"title\":}",
            "{} {}",
            "{'title':1}",
            "\u{feff}{}",
            "{\"a\":\"\\ud800\"}",
        ]
        .map(Vec::from),
    );
    invalid.extend([b"{\"title\":\"\xff\xfe\"}".to_vec(), b"\x00".to_vec()]);
    for body in invalid {
        let shown = String::from_utf8_lossy(&body).chars().take(20).collect::<String>();
        assert_eq!(post_bytes(&admin, body).await.invalid_fields(), ["body"], "{shown}");
    }
}

#[tokio::test]
async fn thousands_of_violations_are_counted_and_not_listed() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let members: Vec<_> = (0..7_000).map(|number| format!("\"{number}\":0")).collect();
    let response = post_bytes(&admin, format!("{{{}}}", members.join(",")).into_bytes()).await;
    assert_eq!(response.invalid_fields().len(), 50);
    // The four required fields are missing.
    assert_eq!(response.body["errorsOmitted"], 7_000 + 4 - 50);

    let long = "x".repeat(3_000);
    let response = admin.get(&format!("/events/{long}?{long}=1")).await;
    let cut = format!("{}…", "x".repeat(99));
    assert_eq!(response.invalid_fields(), ["id", &cut]);
    assert!(response.text.len() < 1_000, "{}", response.text);
}

#[tokio::test]
async fn a_body_of_64_kib_is_accepted_and_one_more_byte_is_rejected() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let padded = |length| {
        let body = event_body("Padded").to_string();
        format!("{}{body}", " ".repeat(length - body.len())).into_bytes()
    };
    post_bytes(&admin, padded(BODY_LIMIT)).await.expect(201);
    post_bytes(&admin, padded(BODY_LIMIT + 1)).await.expect_problem(413);
    assert_eq!(database::count_rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn a_body_without_a_declared_length_has_the_same_limit() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let chunk = |length: usize| format!("{length:x}\r\n{}\r\n0\r\n\r\n", " ".repeat(length));
    let exchange = async |body: String| {
        let head =
            "POST /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
        let request = format!(
            "{head}authorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n{body}",
            admin.token
        );
        raw::exchange(stack.gateway.address, request.as_bytes()).await
    };
    assert!(exchange(chunk(BODY_LIMIT + 1)).await.starts_with("HTTP/1.1 413 "));
    assert!(exchange(chunk(BODY_LIMIT)).await.starts_with("HTTP/1.1 400 "), "blanks are not JSON");
}

#[tokio::test]
async fn a_compressed_body_is_a_415_that_names_what_is_accepted() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let event = format!("/events/{}", admin.create_event("Unchanged").await);
    let reject = format!("{event}/reject");
    let post = |path: &str| (Method::POST, path.to_owned());
    for (method, path) in [
        post("/events"),
        (Method::PATCH, event.clone()),
        post(&reject),
        post("/auth/login"),
        post("/auth/signup"),
    ] {
        for coding in ["gzip", "GZIP", "br", "identity, gzip", "aes128gcm"] {
            let response =
                admin.with_header(method.clone(), &path, ("content-encoding", coding), &json!({})).await;
            assert_eq!(
                response.expect_problem(415)["type"],
                "urn:eventboard:problem:unsupported-content-coding"
            );
            assert_eq!(response.header("accept-encoding"), Some("identity"), "{path}");
        }
        let identity = admin.with_header(method, &path, ("content-encoding", ", Identity"), &json!({})).await;
        assert_ne!(identity.status, 415, "{path}");
    }
    // The other reason for a 415 must not have the header (RFC 9110, section 12.5.3).
    let text =
        send(admin.request(Method::PATCH, &event).header("content-type", "text/plain").body("{}")).await;
    text.expect_problem(415);
    assert_eq!(text.header("accept-encoding"), None);
}

#[tokio::test]
async fn a_route_without_a_body_ignores_a_body_unless_it_is_coded() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Submitted with a body").await;
    let path = format!("/events/{id}/submit");
    let refused = admin.with_header(Method::POST, &path, ("content-encoding", "gzip"), &json!({})).await;
    refused.expect_problem(415);
    assert_eq!(refused.headers["accept-encoding"], "identity");
    admin.with_header(Method::POST, &path, ("content-encoding", "identity"), &json!({})).await.expect(200);
}

#[tokio::test]
async fn problem_documents_do_not_reveal_internals() {
    let mut stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    stack.events.kill();
    let response = admin.get("/events").await;
    response.expect_problem(503);
    let text = response.text.to_lowercase();
    for internal in ["127.0.0.1", "tcp", "tonic", "grpc", "sql", "transport", "refused", "localhost"] {
        assert!(!text.contains(internal), "{internal} in {text}");
    }
}

#[tokio::test]
async fn after_an_unread_body_the_connection_is_reusable_or_announces_that_it_closes() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let (token, body) = (&admin.token, " ".repeat(BODY_LIMIT + 1));
    let oversized =
        |headers: &str| format!("host: x\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
    let next = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for (status, headers) in [(413, format!("authorization: Bearer {token}\r\n")), (401, String::new())] {
        let requests = format!("POST /events HTTP/1.1\r\n{}{next}", oversized(&headers));
        let responses = raw::exchange(stack.gateway.address, requests.as_bytes()).await.to_lowercase();
        assert!(responses.starts_with(&format!("http/1.1 {status} ")), "{responses}");
        let head = responses.split("\r\n\r\n").next().unwrap();
        let is_reusable = responses.matches("http/1.1 200 ").count() == 1;
        assert!(
            is_reusable || head.contains("connection: close"),
            "neither another response nor `connection: close`: {responses}"
        );
    }
}
