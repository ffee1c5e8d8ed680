//! Tests of responses that are lost between the services and the gateway.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Actor, Proxy, Response, Stack, database::count_rows, event_body, wait_until};

/// Starts a create request with a key, and waits until it is committed. The response is lost.
async fn start_create_with_lost_response(
    stack: &Stack,
    proxy: &Proxy,
    actor: &Actor,
) -> JoinHandle<Response> {
    actor.get("/events").await.expect(200);
    proxy.drop_responses();
    let actor = actor.clone();
    let pending =
        tokio::spawn(async move { actor.post_with_key("/events", "k", &event_body("Committed")).await });
    let committed =
        r#""Event" e join "IdempotencyKey" k on k."callerId" = e."createdById" where k.key = 'k'"#;
    wait_until("the effect is committed", async || count_rows(&stack.database, committed).await == 1).await;
    pending
}

#[tokio::test]
async fn a_write_whose_replica_is_killed_before_responding_is_replayed_not_repeated() {
    let (mut stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().sign_up_admin().await;

    let pending = start_create_with_lost_response(&stack, &proxy, &admin).await;
    stack.events.kill();
    proxy.reset();
    pending.await.unwrap().expect_problem(503);
    stack.restart_events().await;

    let repeated = admin.post_with_key("/events", "k", &event_body("Committed")).await.expect(201);
    assert!(repeated.is_replay());
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 1);
    assert_eq!(repeated.body, admin.get(&format!("/events/{}", repeated.id())).await.body);
    assert_eq!(repeated.header("location"), Some(format!("/events/{}", repeated.id()).as_str()));
}

#[tokio::test]
async fn a_gateway_retry_after_a_lost_response_is_not_reported_as_a_replay() {
    let (stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().sign_up_admin().await;

    let pending = start_create_with_lost_response(&stack, &proxy, &admin).await;
    proxy.reset();

    let response = pending.await.unwrap().expect(201);
    assert!(!response.is_replay(), "the client sent the request only once");
    assert!(admin.post_with_key("/events", "k", &event_body("Committed")).await.expect(201).is_replay());
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 1);
    let id = response.header("x-correlation-id").unwrap();
    stack.gateway.log().wait_for_message(id, "Retry").await;
}

#[tokio::test]
async fn a_gateway_retry_does_not_repeat_a_write_without_a_client_key() {
    let (stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().sign_up_admin().await;
    admin.get("/events").await.expect(200);
    proxy.drop_responses();
    let actor = admin.clone();
    let pending = tokio::spawn(async move { actor.post("/events", &event_body("Without a key")).await });
    wait_until("the effect is committed", async || count_rows(&stack.database, r#""Event""#).await == 1)
        .await;
    proxy.reset();
    let response = pending.await.unwrap().expect(201);
    assert!(!response.is_replay());
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn a_read_whose_response_is_lost_is_retried() {
    let (stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().sign_up_admin().await;
    admin.get("/events").await.expect(200);
    proxy.drop_responses();
    let reader = admin.clone();
    let pending = tokio::spawn(async move {
        reader.with_header(Method::GET, "/events", ("x-correlation-id", "lost"), &Value::Null).await
    });
    stack.events.log().wait_for_message("lost", "finished").await;
    proxy.reset();
    pending.await.unwrap().expect(200);
    stack.gateway.log().wait_for_message("lost", "Retry").await;
}

#[tokio::test]
async fn a_signup_with_an_unknown_outcome_is_not_retried() {
    let (stack, proxy, _) = Stack::start_behind_proxies().await;
    proxy.drop_responses();
    let anonymous = stack.anonymous();
    let pending =
        tokio::spawn(async move { anonymous.signup(json!({ "organizationName": "Only once" })).await });
    wait_until("the user is committed", async || count_rows(&stack.database, r#""User""#).await == 1).await;
    proxy.reset();
    pending.await.unwrap().expect_problem(503);
    assert_nothing_was_retried(&stack);
    stack.anonymous().signup(json!({ "organizationName": "Only once" })).await.expect_problem(409);
}

#[tokio::test]
async fn a_login_with_an_unknown_outcome_is_not_retried() {
    let (stack, proxy, _) = Stack::start_behind_proxies().await;
    let email = stack.anonymous().sign_up_admin().await.user["email"].clone();
    proxy.drop_responses();
    let anonymous = stack.anonymous();
    let pending = tokio::spawn(async move { anonymous.login(&email, "Password123!").await });
    let logins = r#""AuditEntry" where action = 'LOGIN_SUCCEEDED'"#;
    wait_until("the login is recorded", async || count_rows(&stack.database, logins).await == 1).await;
    proxy.reset();
    pending.await.unwrap().expect_problem(503);
    assert_nothing_was_retried(&stack);
    assert_eq!(count_rows(&stack.database, logins).await, 1);
}

fn assert_nothing_was_retried(stack: &Stack) {
    let is_retry = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("Retry"));
    assert!(stack.gateway.log().find(is_retry).is_empty());
}
