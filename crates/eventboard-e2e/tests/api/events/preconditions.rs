//! `If-Match` on every write, and the order in which errors are reported.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Response, Stack, send};

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
async fn a_write_succeeds_with_the_current_version_a_list_containing_it_or_any() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.create_event("Guarded").await);
    let mut etag = admin.get(&path).await.etag();
    for title in ["Exactly", "One of several", "Any"] {
        let tags = match title {
            "Exactly" => etag.clone(),
            "Any" => "*".to_owned(),
            _ => format!("\"0\", {etag}, \"other\""),
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
    for malformed in [etag.trim_matches('"'), "", "*, \"1\""] {
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
