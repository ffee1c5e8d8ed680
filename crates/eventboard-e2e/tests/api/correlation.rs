//! `X-Correlation-ID` and what the logs tell of a request.

use reqwest::{Method, header::HeaderValue};
use serde_json::Value;

use crate::support::{Actor, Answer, Stack, draft, send, shapes::assert_uuid_v7};

async fn named(actor: &Actor, id: &[u8]) -> Answer {
    let id = HeaderValue::from_bytes(id).unwrap();
    send(actor.request(Method::GET, "/events").header("x-correlation-id", id)).await
}

#[tokio::test]
async fn a_good_id_is_echoed_and_a_bad_one_replaced() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    for good in ["x", "AZaz09._:/+=@-", &"x".repeat(128)] {
        assert_eq!(named(&admin, good.as_bytes()).await.header("x-correlation-id"), Some(good));
    }
    for bad in [&b""[..], b"two words", "ümlaut".as_bytes(), &[b'x'; 129], b"a,b", b"{}"] {
        let answer = named(&admin, bad).await.expect(200);
        assert_uuid_v7(&answer.header("x-correlation-id").unwrap().into());
    }
    let (one, other) = (admin.get("/events").await, admin.get("/events").await);
    assert_ne!(one.header("x-correlation-id"), other.header("x-correlation-id"));
}

#[tokio::test]
async fn every_kind_of_answer_carries_the_id() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    for (method, path) in [
        (Method::GET, "/health"),
        (Method::GET, "/api/openapi.json"),
        (Method::GET, "/nowhere"),
        (Method::PUT, "/events"),
        (Method::POST, "/events"),
        (Method::GET, "/auth/me"),
    ] {
        let answer = send(admin.request(method, path).header("x-correlation-id", "abc")).await;
        assert_eq!(answer.header("x-correlation-id"), Some("abc"), "{path}");
        if answer.status >= 400 {
            assert_eq!(answer.problem(answer.status)["correlationId"], "abc");
        }
    }
}

#[tokio::test]
async fn one_id_names_the_request_in_the_logs_of_all_services() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let request = admin.request(Method::POST, "/events").header("x-correlation-id", "one-name-for-all");
    send(request.json(&draft("Logged everywhere"))).await.expect(201);

    let gateway = stack.gateway.log().wait_for_word("one-name-for-all", "").await;
    assert_eq!((&gateway["path"], &gateway["method"]), (&"/events".into(), &"POST".into()));
    let auth = stack.auth.log().wait_for_word("one-name-for-all", "").await;
    assert_eq!(auth["method"], "ValidateUser");
    let events = stack.events.log().wait_for_word("one-name-for-all", "").await;
    assert_eq!(events["method"], "Create");
}

#[tokio::test]
async fn a_query_is_nobodys_business_in_the_log() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let answer = admin.get("/events?search=my-secret-wish").await.expect(200);
    let id = answer.header("x-correlation-id").unwrap();
    stack.gateway.log().wait_for_word(id, "").await;
    assert!(!stack.gateway.log().text().contains("my-secret-wish"));
}

#[tokio::test]
async fn neither_passwords_nor_tokens_reach_a_log_however_much_is_logged() {
    let stack = Stack::start_with(&[("RUST_LOG", "debug")]).await;
    let admin = stack.anonymous().found_organization().await.logs_in_again().await;
    admin.created("In all the logs").await;
    stack.anonymous().login(&admin.user["email"], "Wr0ng-password").await.problem(401);
    stack.anonymous().post("/auth/signup", &Value::String("Password123!".into())).await.problem(400);
    let last = admin.get("/auth/me").await;
    let id = last.header("x-correlation-id").unwrap();
    for process in [&stack.gateway, &stack.auth] {
        process.log().wait_for_word(id, "").await;
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
