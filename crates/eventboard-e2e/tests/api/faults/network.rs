//! Responses of the services that never arrive.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Actor, Answer, Proxy, Stack, database::rows, draft, until};

/// A keyed create whose effect is committed and whose response is lost.
async fn create_and_lose(stack: &Stack, proxy: &Proxy, actor: &Actor) -> JoinHandle<Answer> {
    actor.get("/events").await.expect(200);
    proxy.lose_responses();
    let actor = actor.clone();
    let pending = tokio::spawn(async move { actor.keyed("/events", "k", &draft("Committed")).await });
    let committed =
        r#""Event" e join "IdempotencyKey" k on k."callerId" = e."createdById" where k.key = 'k'"#;
    until("the effect is committed", async || rows(&stack.database, committed).await == 1).await;
    pending
}

#[tokio::test]
async fn a_kill_between_the_effect_and_its_response_is_replayed_and_not_repeated() {
    let (mut stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().found_organization().await;

    let pending = create_and_lose(&stack, &proxy, &admin).await;
    stack.events.kill();
    proxy.reconnect();
    pending.await.unwrap().problem(503);
    stack.restart_events().await;

    let again = admin.keyed("/events", "k", &draft("Committed")).await.expect(201);
    assert!(again.is_replay());
    assert_eq!(rows(&stack.database, r#""Event""#).await, 1);
    assert_eq!(again.body, admin.get(&format!("/events/{}", again.id())).await.body);
    assert_eq!(again.header("location"), Some(format!("/events/{}", again.id()).as_str()));
}

#[tokio::test]
async fn a_response_that_is_lost_is_fetched_by_the_gateway_itself_and_is_no_replay() {
    let (stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().found_organization().await;

    let pending = create_and_lose(&stack, &proxy, &admin).await;
    proxy.reconnect();

    let answer = pending.await.unwrap().expect(201);
    assert!(!answer.is_replay(), "the client has sent it once");
    assert!(admin.keyed("/events", "k", &draft("Committed")).await.expect(201).is_replay());
    assert_eq!(rows(&stack.database, r#""Event""#).await, 1);
    let id = answer.header("x-correlation-id").unwrap();
    stack.gateway.log().wait_for_word(id, "Retry").await;
}

#[tokio::test]
async fn a_write_without_a_key_is_not_repeated_by_the_gateways_own_attempts() {
    let (stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().found_organization().await;
    admin.get("/events").await.expect(200);
    proxy.lose_responses();
    let actor = admin.clone();
    let pending = tokio::spawn(async move { actor.post("/events", &draft("Without a key")).await });
    until("the effect is committed", async || rows(&stack.database, r#""Event""#).await == 1).await;
    proxy.reconnect();
    let answer = pending.await.unwrap().expect(201);
    assert!(!answer.is_replay());
    assert_eq!(rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn a_read_whose_response_is_lost_is_asked_for_again() {
    let (stack, _, proxy) = Stack::start_behind_proxies().await;
    let admin = stack.anonymous().found_organization().await;
    admin.get("/events").await.expect(200);
    proxy.lose_responses();
    let reader = admin.clone();
    let pending = tokio::spawn(async move {
        reader.with_header(Method::GET, "/events", ("x-correlation-id", "lost"), &Value::Null).await
    });
    stack.events.log().wait_for_word("lost", "finished").await;
    proxy.reconnect();
    pending.await.unwrap().expect(200);
    stack.gateway.log().wait_for_word("lost", "Retry").await;
}

#[tokio::test]
async fn a_signup_that_may_have_happened_is_not_tried_again() {
    let (stack, proxy, _) = Stack::start_behind_proxies().await;
    proxy.lose_responses();
    let anonymous = stack.anonymous();
    let pending =
        tokio::spawn(async move { anonymous.signup(json!({ "organizationName": "Only once" })).await });
    until("the user is there", async || rows(&stack.database, r#""User""#).await == 1).await;
    proxy.reconnect();
    pending.await.unwrap().problem(503);
    let is_retry = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("Retry"));
    assert!(stack.gateway.log().find(is_retry).is_empty());
    stack.anonymous().signup(json!({ "organizationName": "Only once" })).await.problem(409);
}
