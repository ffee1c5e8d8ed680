//! `Idempotency-Key`.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Actor, Answer, Stack,
    database::{execute, history, rows},
    draft, send, until,
};

async fn admin(stack: &Stack) -> Actor {
    stack.anonymous().found_organization().await
}

/// Asserts that the one is the other again, byte for byte.
fn assert_replay(again: &Answer, first: &Answer) {
    assert!(again.is_replay() && !first.is_replay(), "{again:?}");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for header in ["etag", "location", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
}

#[tokio::test]
async fn sixteen_identical_creates_at_once_are_one_event_and_fifteen_replays() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let body = draft("Asked for sixteen times");
    let answers = join_all((0..16).map(|_| admin.keyed("/events", "once", &body))).await;
    let (replays, first): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.is_replay());
    assert_eq!((replays.len(), first.len()), (15, 1));
    assert_eq!(first[0].status, 201);
    replays.iter().for_each(|again| assert_replay(again, first[0]));
    assert_eq!(rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn a_key_is_remembered_over_a_restart_of_the_service() {
    let mut stack = Stack::start().await;
    let admin = admin(&stack).await;
    let first = admin.keyed("/events", "k", &draft("Once and for all")).await.expect(201);
    stack.restart_events().await;
    assert_replay(&admin.keyed("/events", "k", &draft("Once and for all")).await, &first);
    assert_eq!(rows(&stack.database, r#""Event""#).await, 1);
}

#[tokio::test]
async fn a_change_is_replayed_as_it_was_even_after_further_changes() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.created("Before").await);
    let patch = async || {
        admin.with_header(Method::PATCH, &path, ("idempotency-key", "k"), &json!({ "title": "After" })).await
    };
    let first = patch().await.expect(200);
    admin.patch(&path, &json!({ "title": "Later still" })).await.expect(200);
    assert_replay(&patch().await, &first);
    assert_eq!(admin.get(&path).await.body["title"], "Later still");
}

#[tokio::test]
async fn transitions_and_deletions_are_replayed_and_not_repeated() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let id = admin.created("Goes all the way").await;
    let path = format!("/events/{id}");
    let reason = json!({ "reason": "Not good enough" });
    for (operation, body) in
        [("submit", &Value::Null), ("reject", &reason), ("submit", &Value::Null), ("approve", &Value::Null)]
    {
        let (path, key) = (
            format!("{path}/{operation}"),
            format!("{operation} {}", history(&stack.database, &id).await.len()),
        );
        let first = admin.keyed(&path, &key, body).await.expect(200);
        assert_replay(&admin.keyed(&path, &key, body).await, &first);
    }
    let delete =
        async || admin.with_header(Method::DELETE, &path, ("idempotency-key", "k"), &Value::Null).await;
    let first = delete().await.expect(204);
    assert_replay(&delete().await, &first);
    admin.delete(&path).await.problem(404);
    assert_eq!(
        history(&stack.database, &id).await,
        ["CREATE", "SUBMIT", "REJECT", "SUBMIT", "APPROVE", "DELETE"]
    );
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let created = admin.keyed("/events", "k", &draft("The first one")).await.expect(201);
    admin.keyed("/events", "k", &draft("Another one")).await.problem(422);
    let submit = format!("/events/{}/submit", created.id());
    let first = admin.keyed(&submit, "k", &Value::Null).await.expect(200);
    assert!(!first.is_replay(), "the scope of a key is the operation");
    let guarded = admin.request(Method::POST, &submit).header("idempotency-key", "k").header("if-match", "*");
    send(guarded).await.problem(422);
    assert_replay(&admin.keyed(&submit, "k", &Value::Null).await, &first);
}

#[tokio::test]
async fn a_request_is_the_same_however_it_is_written() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let first = admin.keyed("/events", "k", &draft("Some title")).await.expect(201);
    let other_words = r#"{ "endDate": "2026-06-15T20:00:00+02:00", "startDate": "2026-06-15T09:00:00.000Z",
        "location": " Somewhere", "description": "A description that is long enough ", "title": "Some\u0020title" }"#;
    let request = admin.request(Method::POST, "/events").header("idempotency-key", "k");
    let again = send(request.header("content-type", "application/json").body(other_words)).await;
    assert_replay(&again, &first);
}

#[tokio::test]
async fn a_key_belongs_to_its_caller() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let user = admin.colleague(&stack, "USER").await;
    admin.keyed("/events", "k", &draft("Of the admin")).await.expect(201);
    let other = user.keyed("/events", "k", &draft("Of the user")).await.expect(201);
    assert!(!other.is_replay());
}

#[tokio::test]
async fn a_refused_request_burns_no_key() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.created("Approved too early").await);
    admin.keyed(&format!("{path}/approve"), "k", &Value::Null).await.problem(409);
    admin.act(&format!("{path}/submit")).await.expect(200);
    let approved = admin.keyed(&format!("{path}/approve"), "k", &Value::Null).await.expect(200);
    assert!(!approved.is_replay());
}

#[tokio::test]
async fn a_key_is_one_to_255_printable_ascii_characters_given_once() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let body = draft("With an odd key");
    for good in ["x".repeat(255), "order 66 / retry #1 ~".to_owned()] {
        admin.keyed("/events", &good, &body).await.expect(201);
    }
    let with = |key: &[u8]| {
        let value = reqwest::header::HeaderValue::from_bytes(key).unwrap();
        send(admin.request(Method::POST, "/events").header("idempotency-key", value).json(&body))
    };
    for bad in [&b""[..], b"tab\there", "schlüssel".as_bytes(), &[b'x'; 256]] {
        assert_eq!(with(bad).await.faulty_fields(), ["Idempotency-Key"]);
    }
    let twice =
        admin.request(Method::POST, "/events").header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(send(twice.json(&body)).await.faulty_fields(), ["Idempotency-Key"]);
    assert_eq!(rows(&stack.database, r#""Event""#).await, 2);
}

#[tokio::test]
async fn a_request_without_a_key_is_never_called_a_replay() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let (one, other) =
        (admin.post("/events", &draft("Twice")).await, admin.post("/events", &draft("Twice")).await);
    assert_ne!(one.expect(201).id(), other.expect(201).id());
    let made = r#""IdempotencyKey" where "expiresAt" - "createdAt" = interval '5 minutes'"#;
    assert_eq!(rows(&stack.database, made).await, 2, "the gateway made keys that live for five minutes");
}

#[tokio::test]
async fn an_expired_key_is_taken_over_and_not_replayed() {
    let stack = Stack::start_with(&[("IDEMPOTENCY_TTL", "1s")]).await;
    let admin = admin(&stack).await;
    let first = admin.keyed("/events", "k", &draft("Twice, long apart")).await.expect(201);
    let expired = r#""IdempotencyKey" where key = 'k' and "expiresAt" <= now()"#;
    until("the key has expired", async || rows(&stack.database, expired).await == 1).await;
    let second = admin.keyed("/events", "k", &draft("Twice, long apart")).await.expect(201);
    assert!(!second.is_replay());
    assert_ne!(second.id(), first.id());
}

#[tokio::test]
async fn a_repetition_is_answered_from_memory_and_the_log_says_so() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let first = admin.keyed("/events", "k", &draft("Remembered twice")).await.expect(201);
    execute(&stack.database, r#"delete from "IdempotencyKey" where "callerId" = $1"#, admin.id()).await;
    let again = admin.keyed("/events", "k", &draft("Remembered twice")).await;
    assert_replay(&again, &first);
    let correlation_id = again.header("x-correlation-id").unwrap();
    stack.events.log().wait_for_word(correlation_id, "Idempotency").await;
}
