//! `X-Correlation-ID` and the contents of the logs.

use reqwest::{Method, header::HeaderValue};
use serde_json::Value;

use crate::support::{Actor, Response, Stack, event_body, send, shapes::assert_uuid_v7};

async fn get_with_id(actor: &Actor, id: &[u8]) -> Response {
    let id = HeaderValue::from_bytes(id).unwrap();
    send(actor.request(Method::GET, "/events").header("x-correlation-id", id)).await
}

#[tokio::test]
async fn a_valid_id_is_echoed_and_an_invalid_one_is_replaced() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    for valid in ["x", "AZaz09._:/+=@-", &"x".repeat(128)] {
        assert_eq!(get_with_id(&admin, valid.as_bytes()).await.header("x-correlation-id"), Some(valid));
    }
    for invalid in [&b""[..], b"two words", "ümlaut".as_bytes(), &[b'x'; 129], b"a,b", b"{}"] {
        let response = get_with_id(&admin, invalid).await.expect(200);
        assert_uuid_v7(&response.header("x-correlation-id").unwrap().into());
    }
    let (first, second) = (admin.get("/events").await, admin.get("/events").await);
    assert_ne!(first.header("x-correlation-id"), second.header("x-correlation-id"));
}

#[tokio::test]
async fn every_kind_of_response_contains_the_id() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    for (method, path) in [
        (Method::GET, "/health"),
        (Method::GET, "/api/openapi.json"),
        (Method::GET, "/nowhere"),
        (Method::PUT, "/events"),
        (Method::POST, "/events"),
        (Method::GET, "/auth/me"),
    ] {
        let response = send(admin.request(method, path).header("x-correlation-id", "abc")).await;
        assert_eq!(response.header("x-correlation-id"), Some("abc"), "{path}");
        if response.status >= 400 {
            assert_eq!(response.expect_problem(response.status)["correlationId"], "abc");
        }
    }
}

#[tokio::test]
async fn the_logs_of_all_services_contain_the_id_of_a_request() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let request = admin.request(Method::POST, "/events").header("x-correlation-id", "one-id-for-all");
    send(request.json(&event_body("Logged everywhere"))).await.expect(201);

    let gateway = stack.gateway.log().wait_for_message("one-id-for-all", "").await;
    assert_eq!((&gateway["path"], &gateway["method"]), (&"/events".into(), &"POST".into()));
    let auth = stack.auth.log().wait_for_message("one-id-for-all", "").await;
    assert_eq!(auth["method"], "ValidateUser");
    let events = stack.events.log().wait_for_message("one-id-for-all", "").await;
    assert_eq!(events["method"], "Create");
}

#[tokio::test]
async fn query_strings_are_not_logged() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let response = admin.get("/events?search=my-secret-wish").await.expect(200);
    let id = response.header("x-correlation-id").unwrap();
    stack.gateway.log().wait_for_message(id, "").await;
    assert!(!stack.gateway.log().text().contains("my-secret-wish"));
}

#[tokio::test]
async fn passwords_and_tokens_are_not_logged_even_at_debug_level() {
    let stack = Stack::start_with(&[("RUST_LOG", "debug")]).await;
    let admin = stack.anonymous().sign_up_admin().await.log_in_again().await;
    admin.create_event("In all the logs").await;
    stack.anonymous().login(&admin.user["email"], "Wr0ng-password").await.expect_problem(401);
    stack.anonymous().post("/auth/signup", &Value::String("Password123!".into())).await.expect_problem(400);
    let last = admin.get("/auth/me").await;
    let id = last.header("x-correlation-id").unwrap();
    for process in [&stack.gateway, &stack.auth] {
        process.log().wait_for_message(id, "").await;
    }
    let signature = admin.token.rsplit('.').next().unwrap();
    for process in [&stack.gateway, &stack.auth, &stack.events] {
        let log = process.log().text();
        for secret in
            ["Password123!", "Wr0ng-password", signature, "$argon2id$", "eventboard-development-secret"]
        {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}
