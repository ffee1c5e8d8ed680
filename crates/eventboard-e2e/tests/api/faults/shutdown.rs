//! Tests of SIGTERM while requests are in flight.

use eventboard_proto::health::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use futures::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{
    Actor, Response, Stack,
    database::{Lock, wait_until_blocked},
    raw::open_and_send,
    url,
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

/// What clients send of a connection or of a request before they stop.
const HALF_REQUESTS: [&[u8]; 9] = [
    b"",
    b"GET /heal",
    b"PRI * HTTP/2.0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    // HEADERS without END_HEADERS, and no CONTINUATION.
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x02\x01\0\0\0\0\x01\x83\x86",
    // POST /grpc.health.v1.Health/Check without a message.
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x26\x01\x04\0\0\0\x01\x83\x86\x44\x1c/grpc.health.v1.Health/Check\x41\x04host",
    b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    b"POST /eventboard.events.v1.EventsService/FindAll HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n",
];

#[tokio::test]
async fn half_requests_and_watchers_do_not_delay_a_stopping_process() {
    let mut stack = Stack::start().await;
    let mut watchers = Vec::new();
    for backend in [&stack.auth, &stack.events] {
        let channel = tonic::transport::Channel::from_shared(url(backend.address, "")).unwrap();
        let mut client = HealthClient::new(channel.connect().await.unwrap());
        let mut watcher = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        let status = watcher.message().await.unwrap().unwrap().status();
        assert_eq!(status, ServingStatus::Serving);
        watchers.push(watcher);
    }
    for process in [&mut stack.gateway, &mut stack.auth, &mut stack.events] {
        let mut open = Vec::new();
        for half in HALF_REQUESTS {
            open.push(open_and_send(process.address, half).await);
        }
        process.start_draining().await;
        assert_eq!(process.wait_for_exit().await, Some(0));
        assert_eq!(process.log().count("Some requests did not finish in time"), 0);
    }
    for mut watcher in watchers {
        let status = watcher.message().await.unwrap().unwrap().status();
        assert_eq!(status, ServingStatus::NotServing);
        assert!(watcher.message().await.unwrap().is_none());
    }
}
