//! SIGTERM while requests are in flight.

use futures::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{
    Actor, Answer, Stack,
    database::{Lock, until_waiting},
};

/// Changes of events of their own that wait for a lock.
async fn begin_changes(stack: &Stack, admin: &Actor, ids: &[String]) -> Vec<JoinHandle<Answer>> {
    let change = |id: &String| {
        let (admin, path) = (admin.clone(), format!("/events/{id}"));
        tokio::spawn(async move { admin.patch(&path, &json!({ "title": "Changed in the end" })).await })
    };
    let changes = ids.iter().map(change).collect();
    until_waiting(&stack.database, ids.len().try_into().unwrap()).await;
    changes
}

async fn prepared() -> (Stack, Actor, Vec<String>) {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let ids = join_all((0..5).map(|_| admin.created("Changed at the last moment"))).await;
    (stack, admin, ids)
}

async fn assert_all_done(changes: Vec<JoinHandle<Answer>>) {
    for change in join_all(changes).await {
        assert_eq!(change.unwrap().expect(200).body["title"], "Changed in the end");
    }
}

#[tokio::test]
async fn a_gateway_that_is_told_to_stop_finishes_what_is_in_flight() {
    let (mut stack, admin, ids) = prepared().await;
    let lock = Lock::on_all_events(&stack.database).await;
    let changes = begin_changes(&stack, &admin, &ids).await;
    stack.gateway.begin_to_drain().await;
    lock.release().await;
    assert_all_done(changes).await;
    assert_eq!(stack.gateway.ended().await, Some(0));
}

#[tokio::test]
async fn events_service_that_is_told_to_stop_finishes_what_is_in_flight() {
    let (mut stack, admin, ids) = prepared().await;
    let lock = Lock::on_all_events(&stack.database).await;
    let changes = begin_changes(&stack, &admin, &ids).await;
    stack.events.begin_to_drain().await;
    lock.release().await;
    assert_all_done(changes).await;
    assert_eq!(stack.events.ended().await, Some(0));
    stack.until_unhealthy().await;
    stack.restart_events().await;
    admin.get(&format!("/events/{}", ids[0])).await.expect(200);
}

#[tokio::test]
async fn auth_service_that_is_told_to_stop_finishes_what_is_in_flight() {
    let (mut stack, admin, _) = prepared().await;
    let lock = Lock::on_all_users(&stack.database).await;
    let login = tokio::spawn(async move { admin.logs_in_again().await });
    until_waiting(&stack.database, 1).await;
    stack.auth.begin_to_drain().await;
    lock.release().await;
    login.await.unwrap();
    assert_eq!(stack.auth.ended().await, Some(0));
}
