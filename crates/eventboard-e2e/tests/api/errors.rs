//! Errors that belong to no single route.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::json;

use crate::support::{Actor, Answer, Stack, database, draft, raw, send};

const BODY_LIMIT: usize = 64 * 1024;

async fn post_bytes(actor: &Actor, body: Vec<u8>) -> Answer {
    send(actor.request(Method::POST, "/events").header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let stack = Stack::start().await;
    for path in [
        "/",
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
        let answer = stack.anonymous().get(path).await;
        assert_eq!(answer.problem(404)["instance"], path);
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let stack = Stack::start().await;
    let event = "/events/00000000-0000-0000-0000-000000000001";
    let submit = format!("{event}/submit");
    for (method, path, allowed) in [
        (Method::PUT, "/events", &["GET", "HEAD", "POST"][..]),
        (Method::PUT, event, &["GET", "HEAD", "PATCH", "DELETE"]),
        (Method::GET, &submit, &["POST"]),
        (Method::GET, "/auth/login", &["POST"]),
        (Method::POST, "/auth/me", &["GET", "HEAD"]),
        (Method::DELETE, "/health", &["GET", "HEAD"]),
        (Method::OPTIONS, "/events", &["GET", "HEAD", "POST"]),
    ] {
        let answer = send(stack.anonymous().request(method, path)).await;
        answer.problem(405);
        let told: HashSet<_> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
        assert_eq!(told, allowed.iter().copied().collect(), "{path}");
    }
}

#[tokio::test]
async fn head_of_an_error_has_its_head_and_no_body() {
    let stack = Stack::start().await;
    for (path, status) in [("/nowhere", 404), ("/events", 401), ("/auth/login", 405)] {
        let answer = send(stack.anonymous().request(Method::HEAD, path)).await.expect(status);
        assert_eq!(
            (answer.header("content-type"), answer.text.as_str()),
            (Some("application/problem+json"), "")
        );
    }
}

#[tokio::test]
async fn whoever_has_no_token_learns_nothing_of_other_faults() {
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
        let answer = send(request.body(vec![b'x'; BODY_LIMIT + 1])).await;
        answer.problem(401);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{path}");
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_one_fault_of_the_body() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let deep = ["[", "{\"a\":"].map(|opening| opening.repeat(10_000).into_bytes());
    let mut bad: Vec<Vec<u8>> = deep.into();
    bad.extend(
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
    bad.extend([b"{\"title\":\"\xff\xfe\"}".to_vec(), b"\x00".to_vec()]);
    for body in bad {
        let shown = String::from_utf8_lossy(&body).chars().take(20).collect::<String>();
        assert_eq!(post_bytes(&admin, body).await.faulty_fields(), ["body"], "{shown}");
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_not() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let padded = |length| {
        let body = draft("Padded").to_string();
        format!("{}{body}", " ".repeat(length - body.len())).into_bytes()
    };
    post_bytes(&admin, padded(BODY_LIMIT)).await.expect(201);
    post_bytes(&admin, padded(BODY_LIMIT + 1)).await.problem(413);
    assert_eq!(database::rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn a_body_without_a_declared_length_has_the_same_limit() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
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
    assert!(exchange(chunk(BODY_LIMIT)).await.starts_with("HTTP/1.1 400 "), "all blank is no JSON");
}

#[tokio::test]
async fn a_route_that_takes_no_body_is_not_bothered_by_one() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let id = admin.created("Submitted with a body").await;
    admin.post(&format!("/events/{id}/submit"), &json!({})).await.expect(200);
}

#[tokio::test]
async fn problems_tell_nothing_of_the_inside() {
    let mut stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    stack.events.kill();
    let answer = admin.get("/events").await;
    answer.problem(503);
    let text = answer.text.to_lowercase();
    for inside in ["127.0.0.1", "tcp", "tonic", "grpc", "sql", "transport", "refused", "localhost"] {
        assert!(!text.contains(inside), "{inside} in {text}");
    }
}

#[tokio::test]
async fn a_connection_whose_request_was_not_read_to_its_end_goes_on_or_says_that_it_ends() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let (token, body) = (&admin.token, " ".repeat(BODY_LIMIT + 1));
    let oversized =
        |headers: &str| format!("host: x\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
    let next = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for (status, headers) in [(413, format!("authorization: Bearer {token}\r\n")), (401, String::new())] {
        let requests = format!("POST /events HTTP/1.1\r\n{}{next}", oversized(&headers));
        let answers = raw::exchange(stack.gateway.address, requests.as_bytes()).await.to_lowercase();
        assert!(answers.starts_with(&format!("http/1.1 {status} ")), "{answers}");
        let head = answers.split("\r\n\r\n").next().unwrap();
        let goes_on = answers.matches("http/1.1 200 ").count() == 1;
        assert!(
            goes_on || head.contains("connection: close"),
            "neither further answers nor a goodbye: {answers}"
        );
    }
}
