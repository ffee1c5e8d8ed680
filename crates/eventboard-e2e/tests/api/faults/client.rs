//! Clients that hang up.

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::{
    Actor, Answer, Stack,
    database::{Lock, history, rows, until_quiet, until_waiting},
    draft, raw, until,
};

fn spawn_keyed(actor: &Actor, path: &str, body: &Value) -> JoinHandle<Answer> {
    let (actor, path, body) = (actor.clone(), path.to_owned(), body.clone());
    tokio::spawn(async move { actor.keyed(&path, "k", &body).await })
}

#[tokio::test]
async fn a_submit_whose_client_hangs_up_is_done_wholly_or_not_at_all() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let id = admin.created("Hung up on").await;
    let submit = format!("/events/{id}/submit");

    let lock = Lock::on_all_events(&stack.database).await;
    let client = spawn_keyed(&admin, &submit, &Value::Null);
    until_waiting(&stack.database, 1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    lock.release().await;
    until_quiet(&stack.database).await;

    let was_done = history(&stack.database, &id).await.len() == 2;
    let status = admin.get(&format!("/events/{id}")).await.body["status"].clone();
    assert_eq!(status, if was_done { "SUBMITTED" } else { "DRAFT" });
    assert_eq!(rows(&stack.database, r#""IdempotencyKey" where key = 'k'"#).await, i64::from(was_done));
    let again = admin.keyed(&submit, "k", &Value::Null).await.expect(200);
    assert_eq!(again.is_replay(), was_done);
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "SUBMIT"]);
}

#[tokio::test]
async fn a_create_whose_client_hangs_up_happens_once_with_its_key() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    admin.get("/events").await.expect(200);
    let lock = Lock::on_all_events(&stack.database).await;
    let clients = [(); 3].map(|()| spawn_keyed(&admin, "/events", &draft("Asked for in vain")));
    until_waiting(&stack.database, 1).await;
    let [leader, ..] = &clients;
    leader.abort();
    lock.release().await;
    let again = admin.keyed("/events", "k", &draft("Asked for in vain")).await.expect(201);
    for client in clients.into_iter().skip(1) {
        assert_eq!(client.await.unwrap().expect(201).text, again.text);
    }
    assert_eq!(rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn half_a_body_creates_nothing() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let body = draft("Cut in two").to_string();
    let half = &body[..body.len() / 2];
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
        admin.token
    );
    let request = format!("{head}x-correlation-id: cut\r\ncontent-length: {}\r\n\r\n{half}", body.len());
    let connection = raw::begin(stack.gateway.address, request.as_bytes()).await;
    // The gateway asks who it is before it reads the body.
    let asked = |line: &Value| line["correlation_id"] == "cut";
    stack.auth.log().wait_for("the gateway has begun with the request", asked).await;
    drop(connection);
    admin.created("Whole").await;
    until_quiet(&stack.database).await;
    assert_eq!(rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn many_who_hang_up_leave_room_for_those_who_stay() {
    let stack =
        Stack::start_with(&[("DATABASE_MAX_CONNECTIONS", "2"), ("MAX_CONCURRENT_REQUESTS", "8")]).await;
    let admin = stack.anonymous().found_organization().await;
    let path = format!("/events/{}", admin.created("In demand").await);
    for _ in 0..3 {
        let lock = Lock::on_all_events(&stack.database).await;
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let (actor, path) = (admin.clone(), path.clone());
                tokio::spawn(async move { actor.get(&path).await.status })
            })
            .collect();
        until_waiting(&stack.database, 2).await;
        clients.iter().for_each(JoinHandle::abort);
        lock.release().await;
    }
    until("there is room again", async || admin.get(&path).await.status == 200).await;
}
