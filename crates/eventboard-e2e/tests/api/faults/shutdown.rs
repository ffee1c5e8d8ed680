//! Tests of SIGTERM while requests are in flight.

use futures::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{
    Actor, Response, Stack,
    database::{Lock, wait_until_blocked},
};

/// Starts an update of each event, and waits until all updates are blocked by a lock.
async fn start_updates(stack: &Stack, admin: &Actor, ids: &[String]) -> Vec<JoinHandle<Response>> {
    let update = |id: &String| {
        let (admin, path) = (admin.clone(), format!("/events/{id}"));
        tokio::spawn(async move { admin.patch(&path, &json!({ "title": "Changed in the end" })).await })
    };
    let updates = ids.iter().map(update).collect();
    wait_until_blocked(&stack.database, ids.len().try_into().unwrap()).await;
    updates
}

async fn stack_with_events() -> (Stack, Actor, Vec<String>) {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let ids = join_all((0..5).map(|_| admin.create_event("Changed at the last moment"))).await;
    (stack, admin, ids)
}

async fn assert_all_updated(updates: Vec<JoinHandle<Response>>) {
    for update in join_all(updates).await {
        assert_eq!(update.unwrap().expect(200).body["title"], "Changed in the end");
    }
}

#[tokio::test]
async fn a_stopping_gateway_completes_requests_in_flight() {
    let (mut stack, admin, ids) = stack_with_events().await;
    let lock = Lock::on_all_events(&stack.database).await;
    let updates = start_updates(&stack, &admin, &ids).await;
    stack.gateway.start_draining().await;
    lock.release().await;
    assert_all_updated(updates).await;
    assert_eq!(stack.gateway.wait_for_exit().await, Some(0));
}

#[tokio::test]
async fn a_stopping_events_service_completes_calls_in_flight() {
    let (mut stack, admin, ids) = stack_with_events().await;
    let lock = Lock::on_all_events(&stack.database).await;
    let updates = start_updates(&stack, &admin, &ids).await;
    stack.events.start_draining().await;
    lock.release().await;
    assert_all_updated(updates).await;
    assert_eq!(stack.events.wait_for_exit().await, Some(0));
    stack.wait_until_unhealthy().await;
    stack.restart_events().await;
    admin.get(&format!("/events/{}", ids[0])).await.expect(200);
}

#[tokio::test]
async fn a_stopping_auth_service_completes_calls_in_flight() {
    let (mut stack, admin, _) = stack_with_events().await;
    let lock = Lock::on_all_users(&stack.database).await;
    let login = tokio::spawn(async move { admin.log_in_again().await });
    wait_until_blocked(&stack.database, 1).await;
    stack.auth.start_draining().await;
    lock.release().await;
    login.await.unwrap();
    assert_eq!(stack.auth.wait_for_exit().await, Some(0));
}
