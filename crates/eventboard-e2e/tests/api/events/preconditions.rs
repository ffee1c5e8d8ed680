//! `If-Match` on every write, and which of several refusals is told.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Answer, Stack, send};

const STALE: (&str, &str) = ("if-match", "\"0\"");

async fn admin(stack: &Stack) -> Actor {
    stack.anonymous().found_organization().await
}

#[tokio::test]
async fn a_stale_version_refuses_every_write_and_changes_nothing() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let draft = format!("/events/{}", admin.created("A draft").await);
    let submitted = format!("/events/{}", admin.submitted("Submitted").await);
    let reason = json!({ "reason": "Not good enough" });
    let stale = async |method, path: String, body: &Value| {
        admin.with_header(method, &path, STALE, body).await.problem(412);
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
async fn the_present_version_any_version_and_a_list_that_has_it_let_a_write_through() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.created("Guarded").await);
    let mut etag = admin.get(&path).await.etag();
    for title in ["Exactly", "One of several", "Any"] {
        let tags = match title {
            "Exactly" => etag.clone(),
            "Any" => "*".to_owned(),
            _ => format!("\"0\", {etag}, \"other\""),
        };
        let changed = patch_if(&admin, &path, &tags, title).await.expect(200);
        assert_eq!(changed.body["title"], title);
        etag = changed.etag();
    }
    assert_eq!(send(admin.request(Method::DELETE, &path).header("if-match", &etag)).await.status, 204);
}

#[tokio::test]
async fn a_weak_tag_never_matches_and_what_is_no_tag_is_a_fault() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}", admin.created("Guarded").await);
    let etag = admin.get(&path).await.etag();
    patch_if(&admin, &path, &format!("W/{etag}"), "Weak").await.problem(412);
    for bad in [etag.trim_matches('"'), "", "*, \"1\""] {
        assert_eq!(patch_if(&admin, &path, bad, "Malformed").await.faulty_fields(), ["If-Match"], "{bad}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told_before_400_and_404() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let path = format!("/events/{}?x=1", Uuid::now_v7());
    let patch = async |content_type: &str, body: String| {
        send(admin.request(Method::PATCH, &path).header("content-type", content_type).body(body)).await
    };
    patch("text/plain", " ".repeat(64 * 1024 + 1)).await.problem(413);
    patch("text/plain", "{}".to_owned()).await.problem(415);
    assert_eq!(patch("application/json", "{".to_owned()).await.faulty_fields(), ["body", "x"]);
}

#[tokio::test]
async fn a_reused_key_is_told_before_404() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let id = admin.created("Submitted with a key").await;
    admin.keyed(&format!("/events/{id}/submit"), "k", &Value::Null).await.expect(200);
    admin.keyed(&format!("/events/{}/submit", Uuid::now_v7()), "k", &Value::Null).await.problem(422);
}

#[tokio::test]
async fn refusals_go_404_403_412_409_and_then_the_merged_dates() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let (owner, other) = (admin.colleague(&stack, "USER").await, admin.colleague(&stack, "USER").await);
    let draft = format!("/events/{}", owner.created("A draft").await);
    let submitted = format!("/events/{}", owner.submitted("Submitted").await);
    let late = json!({ "startDate": "2030-01-01T00:00:00Z" });
    let approve = format!("{draft}/approve");

    other.with_header(Method::POST, &approve, STALE, &Value::Null).await.problem(404);
    owner.with_header(Method::POST, &approve, STALE, &Value::Null).await.problem(403);
    admin.with_header(Method::POST, &approve, STALE, &Value::Null).await.problem(412);
    admin.act(&approve).await.problem(409);

    owner.with_header(Method::PATCH, &submitted, STALE, &late).await.problem(403);
    admin.with_header(Method::PATCH, &submitted, STALE, &late).await.problem(412);
    assert_eq!(admin.patch(&submitted, &late).await.faulty_fields(), ["endDate"]);
}

async fn patch_if(actor: &Actor, path: &str, tags: &str, title: &str) -> Answer {
    actor.with_header(Method::PATCH, path, ("if-match", tags), &json!({ "title": title })).await
}
