//! The conditions of every operation, and the order in which errors are reported.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Response, Stack, event_body, send};

const STALE: (&str, &str) = ("if-match", "\"0\"");

async fn admin(stack: &Stack) -> Actor {
    stack.anonymous().sign_up_admin().await
}

#[tokio::test]
async fn every_write_with_a_stale_version_is_rejected_and_changes_nothing() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let draft = format!("/events/{}", admin.create_event("A draft").await);
    let submitted = format!("/events/{}", admin.create_submitted_event("Submitted").await);
    let reason = json!({ "reason": "Not good enough" });
    let stale = async |method, path: String, body: &Value| {
        admin.with_header(method, &path, STALE, body).await.expect_problem(412);
    };
    let before = [admin.get(&draft).await.text, admin.get(&submitted).await.text];
    stale(Method::PATCH, draft.clone(), &json!({ "title": "Changed" })).await;
    stale(Method::PATCH, draft.clone(), &json!({})).await;
    stale(Method::DELETE, draft.clone(), &Value::Null).await;
    stale(Method::POST, format!("{draft}/submit"), &Value::Null).await;
    stale(Method::POST, format!("{submitted}/approve"), &Value::Null).await;
    stale(Method::POST, format!("{submitted}/reject"), &reason).await;
    assert_eq!([admin.get(&draft).await.text, admin.get(&submitted).await.text], before);
}

#[tokio::test]
async fn every_write_that_excludes_the_current_version_is_rejected_and_changes_nothing() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let draft = format!("/events/{}", admin.create_event("A draft").await);
    let submitted = format!("/events/{}", admin.create_submitted_event("Submitted").await);
    let before = [admin.get(&draft).await, admin.get(&submitted).await];
    let reason = json!({ "reason": "Not good enough" });
    for (method, path, body, event) in [
        (Method::PATCH, draft.clone(), &json!({ "title": "Changed" }), 0),
        (Method::PATCH, draft.clone(), &json!({}), 0),
        (Method::DELETE, draft.clone(), &Value::Null, 0),
        (Method::POST, format!("{draft}/submit"), &Value::Null, 0),
        (Method::POST, format!("{submitted}/approve"), &Value::Null, 1),
        (Method::POST, format!("{submitted}/reject"), &reason, 1),
    ] {
        let current = before[event].etag();
        for tags in [current.clone(), format!("W/{current}"), format!("\"0\",, {current}"), "*".to_owned()] {
            let condition = ("if-none-match", tags.as_str());
            admin.with_header(method.clone(), &path, condition, body).await.expect_problem(412);
        }
        // `If-Match` is true, but it does not replace the other condition.
        let request = admin.request(method, &path).header("if-match", &current).header("if-none-match", "*");
        send(if body.is_null() { request } else { request.json(body) }).await.expect_problem(412);
    }
    let after = [admin.get(&draft).await.text, admin.get(&submitted).await.text];
    assert_eq!(after, before.map(|response| response.text));
    let excludes_another = ("if-none-match", "\"0\"");
    admin.with_header(Method::DELETE, &draft, excludes_another, &Value::Null).await.expect(204);
}

#[tokio::test]
async fn a_date_is_no_condition_because_events_have_no_modification_date() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Undated").await);
    let past = "Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(admin.get(&path).await.header("last-modified"), None);
    for (header, value) in
        [("if-unmodified-since", past), ("if-modified-since", "Wed, 01 Jan 2200 00:00:00 GMT")]
    {
        admin.with_header(Method::GET, &path, (header, value), &Value::Null).await.expect(200);
        admin.with_header(Method::PATCH, &path, (header, value), &json!({})).await.expect(200);
    }
}

#[tokio::test]
async fn a_read_with_if_match_returns_412_unless_it_is_the_current_version() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Read").await);
    let etag = admin.get(&path).await.etag();
    for (tags, status) in
        [(etag.clone(), 200), ("*".into(), 200), ("\"0\"".into(), 412), (format!("W/{etag}"), 412)]
    {
        for method in [Method::GET, Method::HEAD] {
            let response = admin.with_header(method, &path, ("if-match", &tags), &Value::Null).await;
            assert_eq!(response.status, status, "{tags}");
        }
    }
    let malformed = admin.with_header(Method::GET, &path, ("if-match", "0"), &Value::Null).await;
    assert_eq!(malformed.invalid_fields(), ["If-Match"]);
    let missing = format!("/events/{}", Uuid::now_v7());
    admin.with_header(Method::GET, &missing, STALE, &Value::Null).await.expect_problem(404);
}

#[tokio::test]
async fn the_list_of_events_exists_and_has_no_tag() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    for (name, value, read, created) in [
        ("if-none-match", "\"1\"", 200, 201),
        ("if-none-match", "*", 304, 412),
        ("if-match", "*", 200, 201),
        ("if-match", "\"1\"", 412, 412),
    ] {
        let listed = admin.with_header(Method::GET, "/events", (name, value), &Value::Null).await;
        assert_eq!(listed.status, read, "{name}: {value}");
        let response = admin.with_header(Method::POST, "/events", (name, value), &event_body("New")).await;
        assert_eq!(response.status, created, "{name}: {value}");
    }
    assert_eq!(admin.get("/events").await.body["meta"]["total"], 2);
}

#[tokio::test]
async fn a_replay_is_returned_before_the_conditions_are_checked_and_they_belong_to_the_request() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Submitted once").await);
    let submit = async |name: &str, value: &str| {
        let request = admin.request(Method::POST, &format!("{path}/submit")).header("idempotency-key", "k");
        send(request.header(name, value)).await
    };
    let etag = admin.get(&path).await.etag();
    submit("if-match", &etag).await.expect(200);
    assert!(submit("if-match", &etag).await.expect(200).is_replay());
    submit("if-none-match", &etag).await.expect_problem(422);
    submit("if-none-match", "\"0\"").await.expect_problem(422);
}

#[tokio::test]
async fn a_write_succeeds_with_the_current_version_a_list_containing_it_or_any() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Guarded").await);
    let mut etag = admin.get(&path).await.etag();
    for title in ["Exactly", "One of several", "Any"] {
        let tags = match title {
            "Exactly" => etag.clone(),
            "Any" => "*".to_owned(),
            _ => format!("\"0\", ,{etag}\t,\"other\","),
        };
        let updated = patch_if(&admin, &path, &tags, title).await.expect(200);
        assert_eq!(updated.body["title"], title);
        etag = updated.etag();
    }
    assert_eq!(send(admin.request(Method::DELETE, &path).header("if-match", &etag)).await.status, 204);
}

#[tokio::test]
async fn a_weak_tag_never_matches_and_a_malformed_tag_is_rejected() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Guarded").await);
    let etag = admin.get(&path).await.etag();
    patch_if(&admin, &path, &format!("W/{etag}"), "Weak").await.expect_problem(412);
    // An empty list matches nothing (RFC 9110, section 5.6.1).
    patch_if(&admin, &path, "", "Empty").await.expect_problem(412);
    for malformed in [etag.trim_matches('"'), "*, \"1\""] {
        assert_eq!(
            patch_if(&admin, &path, malformed, "Malformed").await.invalid_fields(),
            ["If-Match"],
            "{malformed}"
        );
    }
}

#[tokio::test]
async fn an_unreadable_body_is_reported_before_400_and_404() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}?x=1", Uuid::now_v7());
    let patch = async |content_type: &str, body: String| {
        send(admin.request(Method::PATCH, &path).header("content-type", content_type).body(body)).await
    };
    patch("text/plain", " ".repeat(64 * 1024 + 1)).await.expect_problem(413);
    patch("text/plain", "{}".to_owned()).await.expect_problem(415);
    assert_eq!(patch("application/json", "{".to_owned()).await.invalid_fields(), ["body", "x"]);
}

#[tokio::test]
async fn a_reused_key_is_reported_before_404() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let id = admin.create_event("Submitted with a key").await;
    admin.post_with_key(&format!("/events/{id}/submit"), "k", &Value::Null).await.expect(200);
    admin
        .post_with_key(&format!("/events/{}/submit", Uuid::now_v7()), "k", &Value::Null)
        .await
        .expect_problem(422);
}

#[tokio::test]
async fn errors_are_reported_in_the_order_404_403_412_409_and_merged_dates() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let (owner, other) =
        (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "USER").await);
    let draft = format!("/events/{}", owner.create_event("A draft").await);
    let submitted = format!("/events/{}", owner.create_submitted_event("Submitted").await);
    let late = json!({ "startDate": "2030-01-01T00:00:00Z" });
    let approve = format!("{draft}/approve");

    other.with_header(Method::POST, &approve, STALE, &Value::Null).await.expect_problem(404);
    owner.with_header(Method::POST, &approve, STALE, &Value::Null).await.expect_problem(403);
    admin.with_header(Method::POST, &approve, STALE, &Value::Null).await.expect_problem(412);
    admin.post_without_body(&approve).await.expect_problem(409);

    owner.with_header(Method::PATCH, &submitted, STALE, &late).await.expect_problem(403);
    admin.with_header(Method::PATCH, &submitted, STALE, &late).await.expect_problem(412);
    assert_eq!(admin.patch(&submitted, &late).await.invalid_fields(), ["endDate"]);
}

async fn patch_if(actor: &Actor, path: &str, tags: &str, title: &str) -> Response {
    actor.with_header(Method::PATCH, path, ("if-match", tags), &json!({ "title": title })).await
}
