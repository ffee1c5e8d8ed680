//! `Idempotency-Key`.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Actor, Response, Stack,
    database::{count_rows, execute, history},
    event_body, send, wait_until,
};

async fn admin(stack: &Stack) -> Actor {
    stack.anonymous().sign_up_admin().await
}

/// Asserts that the first response was replayed byte for byte.
fn assert_replay(repeated: &Response, first: &Response) {
    assert!(repeated.is_replay() && !first.is_replay(), "{repeated:?}");
    assert_eq!((repeated.status, &repeated.text), (first.status, &first.text));
    for header in ["etag", "location", "content-type"] {
        assert_eq!(repeated.header(header), first.header(header), "{header}");
    }
}

#[tokio::test]
async fn sixteen_concurrent_identical_creates_make_one_event_and_fifteen_replays() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let body = event_body("Requested sixteen times");
    let responses = join_all((0..16).map(|_| admin.post_with_key("/events", "once", &body))).await;
    let (replays, first): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.is_replay());
    assert_eq!((replays.len(), first.len()), (15, 1));
    assert_eq!(first[0].status, 201);
    replays.iter().for_each(|replay| assert_replay(replay, first[0]));
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn a_key_survives_a_restart_of_the_service() {
    let mut stack = Stack::start().await;
    let admin = admin(&stack).await;
    let first = admin.post_with_key("/events", "k", &event_body("Once and for all")).await.expect(201);
    stack.restart_events().await;
    assert_replay(&admin.post_with_key("/events", "k", &event_body("Once and for all")).await, &first);
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn an_update_is_replayed_unchanged_after_later_updates() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Before").await);
    let patch = async || {
        admin.with_header(Method::PATCH, &path, ("idempotency-key", "k"), &json!({ "title": "After" })).await
    };
    let first = patch().await.expect(200);
    admin.patch(&path, &json!({ "title": "Later still" })).await.expect(200);
    assert_replay(&patch().await, &first);
    assert_eq!(admin.get(&path).await.body["title"], "Later still");
}

#[tokio::test]
async fn transitions_and_deletions_are_replayed_not_repeated() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let id = admin.create_event("Goes all the way").await;
    let path = format!("/events/{id}");
    let reason = json!({ "reason": "Not good enough" });
    for (operation, body) in
        [("submit", &Value::Null), ("reject", &reason), ("submit", &Value::Null), ("approve", &Value::Null)]
    {
        let (path, key) = (
            format!("{path}/{operation}"),
            format!("{operation} {}", history(&stack.database, &id).await.len()),
        );
        let first = admin.post_with_key(&path, &key, body).await.expect(200);
        assert_replay(&admin.post_with_key(&path, &key, body).await, &first);
    }
    let delete =
        async || admin.with_header(Method::DELETE, &path, ("idempotency-key", "k"), &Value::Null).await;
    let first = delete().await.expect(204);
    assert_replay(&delete().await, &first);
    admin.delete(&path).await.expect_problem(404);
    assert_eq!(
        history(&stack.database, &id).await,
        ["CREATE", "SUBMIT", "REJECT", "SUBMIT", "APPROVE", "DELETE"]
    );
}

#[tokio::test]
async fn another_request_with_the_same_key_is_rejected() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let created = admin.post_with_key("/events", "k", &event_body("The first one")).await.expect(201);
    admin.post_with_key("/events", "k", &event_body("Another one")).await.expect_problem(422);
    let submit = format!("/events/{}/submit", created.id());
    let first = admin.post_with_key(&submit, "k", &Value::Null).await.expect(200);
    assert!(!first.is_replay(), "the scope of a key is the operation");
    let conditional =
        admin.request(Method::POST, &submit).header("idempotency-key", "k").header("if-match", "*");
    send(conditional).await.expect_problem(422);
    assert_replay(&admin.post_with_key(&submit, "k", &Value::Null).await, &first);
}

#[tokio::test]
async fn equivalent_bodies_count_as_the_same_request() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let first = admin.post_with_key("/events", "k", &event_body("Some title")).await.expect(201);
    let equivalent = r#"{ "endDate": "2026-06-15T20:00:00+02:00", "startDate": "2026-06-15T09:00:00.000Z",
        "location": " Somewhere", "description": "A description that is long enough ", "title": "Some\u0020title" }"#;
    let request = admin.request(Method::POST, "/events").header("idempotency-key", "k");
    let repeated = send(request.header("content-type", "application/json").body(equivalent)).await;
    assert_replay(&repeated, &first);
}

#[tokio::test]
async fn a_key_belongs_to_its_caller() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let user = admin.add_colleague(&stack, "USER").await;
    admin.post_with_key("/events", "k", &event_body("Of the admin")).await.expect(201);
    let other = user.post_with_key("/events", "k", &event_body("Of the user")).await.expect(201);
    assert!(!other.is_replay());
}

#[tokio::test]
async fn a_rejected_request_does_not_use_up_its_key() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Approved too early").await);
    admin.post_with_key(&format!("{path}/approve"), "k", &Value::Null).await.expect_problem(409);
    admin.post_without_body(&format!("{path}/submit")).await.expect(200);
    let approved = admin.post_with_key(&format!("{path}/approve"), "k", &Value::Null).await.expect(200);
    assert!(!approved.is_replay());
}

#[tokio::test]
async fn a_key_is_one_header_of_1_to_255_printable_ascii_characters() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let body = event_body("With an odd key");
    for valid in ["x".repeat(255), "order 66 / retry #1 ~".to_owned()] {
        admin.post_with_key("/events", &valid, &body).await.expect(201);
    }
    let create_with = |key: &[u8]| {
        let value = reqwest::header::HeaderValue::from_bytes(key).unwrap();
        send(admin.request(Method::POST, "/events").header("idempotency-key", value).json(&body))
    };
    for invalid in [&b""[..], b"tab\there", "schlüssel".as_bytes(), &[b'x'; 256]] {
        assert_eq!(create_with(invalid).await.invalid_fields(), ["Idempotency-Key"]);
    }
    let twice =
        admin.request(Method::POST, "/events").header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(send(twice.json(&body)).await.invalid_fields(), ["Idempotency-Key"]);
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 2);
}

#[tokio::test]
async fn a_request_without_a_key_is_never_reported_as_a_replay() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let (one, other) = (
        admin.post("/events", &event_body("Twice")).await,
        admin.post("/events", &event_body("Twice")).await,
    );
    assert_ne!(one.expect(201).id(), other.expect(201).id());
    let gateway_keys = r#""IdempotencyKey" where "expiresAt" - "createdAt" = interval '5 minutes'"#;
    assert_eq!(
        count_rows(&stack.database, gateway_keys).await,
        2,
        "the gateway's keys expire after 5 minutes"
    );
}

#[tokio::test]
async fn an_expired_key_is_reused_not_replayed() {
    let stack = Stack::start_with(&[("IDEMPOTENCY_TTL", "1s")]).await;
    let admin = admin(&stack).await;
    let first = admin.post_with_key("/events", "k", &event_body("Twice, long apart")).await.expect(201);
    let expired = r#""IdempotencyKey" where key = 'k' and "expiresAt" <= now()"#;
    wait_until("the key has expired", async || count_rows(&stack.database, expired).await == 1).await;
    let second = admin.post_with_key("/events", "k", &event_body("Twice, long apart")).await.expect(201);
    assert!(!second.is_replay());
    assert_ne!(second.id(), first.id());
}

#[tokio::test]
async fn a_repeated_request_is_served_from_memory_and_logged() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let first = admin.post_with_key("/events", "k", &event_body("Remembered twice")).await.expect(201);
    execute(&stack.database, r#"delete from "IdempotencyKey" where "callerId" = $1"#, admin.id()).await;
    let repeated = admin.post_with_key("/events", "k", &event_body("Remembered twice")).await;
    assert_replay(&repeated, &first);
    let correlation_id = repeated.header("x-correlation-id").unwrap();
    stack.events.log().wait_for_message(correlation_id, "Idempotency").await;
}
