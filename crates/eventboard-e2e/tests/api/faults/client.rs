//! Tests of clients that disconnect.

use serde_json::Value;
use tokio::{io::AsyncReadExt, task::JoinHandle};

use crate::support::{
    Actor, Response, Stack,
    database::{Lock, count_rows, history, wait_until_blocked, wait_until_idle},
    event_body,
    metrics::Metrics,
    raw, wait_until,
};

fn spawn_post_with_key(actor: &Actor, path: &str, body: &Value) -> JoinHandle<Response> {
    let (actor, path, body) = (actor.clone(), path.to_owned(), body.clone());
    tokio::spawn(async move { actor.post_with_key(&path, "k", &body).await })
}

#[tokio::test]
async fn a_submit_whose_client_disconnects_is_performed_completely_or_not_at_all() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Disconnected").await;
    let submit = format!("/events/{id}/submit");

    let lock = Lock::on_all_events(&stack.database).await;
    let client = spawn_post_with_key(&admin, &submit, &Value::Null);
    wait_until_blocked(&stack.database, 1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    lock.release().await;
    wait_until_idle(&stack.database).await;

    let was_submitted = history(&stack.database, &id).await.len() == 2;
    let status = admin.get(&format!("/events/{id}")).await.body["status"].clone();
    assert_eq!(status, if was_submitted { "SUBMITTED" } else { "DRAFT" });
    assert_eq!(
        count_rows(&stack.database, r#""IdempotencyKey" where key = 'k'"#).await,
        i64::from(was_submitted)
    );
    let repeated = admin.post_with_key(&submit, "k", &Value::Null).await.expect(200);
    assert_eq!(repeated.is_replay(), was_submitted);
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "SUBMIT"]);
}

#[tokio::test]
async fn a_create_whose_client_disconnects_is_performed_once_per_key() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    admin.get("/events").await.expect(200);
    let lock = Lock::on_all_events(&stack.database).await;
    let clients =
        [(); 3].map(|()| spawn_post_with_key(&admin, "/events", &event_body("Client disconnected")));
    wait_until_blocked(&stack.database, 1).await;
    let [first, ..] = &clients;
    first.abort();
    lock.release().await;
    let repeated = admin.post_with_key("/events", "k", &event_body("Client disconnected")).await.expect(201);
    for client in clients.into_iter().skip(1) {
        assert_eq!(client.await.unwrap().expect(201).text, repeated.text);
    }
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn an_incomplete_body_creates_no_event() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let body = event_body("Cut in two").to_string();
    let half = &body[..body.len() / 2];
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
        admin.token
    );
    let request = format!("{head}x-correlation-id: cut\r\ncontent-length: {}\r\n\r\n{half}", body.len());
    let connection = raw::open_and_send(stack.gateway.address, request.as_bytes()).await;
    // The gateway validates the user before it reads the body.
    let is_validation = |line: &Value| line["correlation_id"] == "cut";
    stack.auth.log().wait_for("the gateway has started the request", is_validation).await;
    drop(connection);
    admin.create_event("Whole").await;
    wait_until_idle(&stack.database).await;
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn clients_that_send_their_bodies_slowly_take_no_capacity() {
    let stack = Stack::start_with_metrics(&[("MAX_CONCURRENT_REQUESTS", "16")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    // From now on, the gateway knows that the user is valid. Validating the user is work, for which a request has a place.
    admin.get("/events").await.expect(200);
    let request = format!(
        "POST /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{",
        admin.token
    );
    let mut slow = Vec::new();
    for _ in 0..40 {
        slow.push(raw::open_and_send(stack.gateway.address, request.as_bytes()).await);
    }
    wait_until("all slow requests have arrived", async || {
        Metrics::scrape(&stack.gateway).await.value("http_server_active_requests", &[]) == Some(40.0)
    })
    .await;
    admin.create_event("Not shed").await;
    admin.get("/events").await.expect(200);
    for mut connection in slow {
        let mut response = String::new();
        connection.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    }
}

#[tokio::test]
async fn disconnected_clients_free_their_capacity() {
    let stack =
        Stack::start_with(&[("DATABASE_MAX_CONNECTIONS", "2"), ("MAX_CONCURRENT_REQUESTS", "8")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("In demand").await);
    for _ in 0..3 {
        let lock = Lock::on_all_events(&stack.database).await;
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let (actor, path) = (admin.clone(), path.clone());
                tokio::spawn(async move { actor.get(&path).await.status })
            })
            .collect();
        wait_until_blocked(&stack.database, 2).await;
        clients.iter().for_each(JoinHandle::abort);
        lock.release().await;
    }
    wait_until("the system has capacity again", async || admin.get(&path).await.status == 200).await;
}
