//! `GET /events/{id}`.

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{
    Stack, send,
    shapes::{EVENT, keys},
};

#[tokio::test]
async fn a_draft_is_seen_by_its_owner_and_by_those_who_moderate() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let (owner, other) = (admin.colleague(&stack, "USER").await, admin.colleague(&stack, "USER").await);
    let moderator = admin.colleague(&stack, "MODERATOR").await;
    let id = owner.created("Seen by some").await;
    let path = format!("/events/{id}");

    let seen = owner.get(&path).await.expect(200);
    assert_eq!(keys(&seen.body), EVENT);
    for reader in [&admin, &moderator] {
        let same = reader.get(&path).await.expect(200);
        assert_eq!(
            (same.text.as_str(), same.etag()),
            (seen.text.as_str(), seen.etag()),
            "the same for every caller"
        );
    }
    other.get(&path).await.problem(404);

    owner.act(&format!("{path}/submit")).await.expect(200);
    other.get(&path).await.problem(404);
    moderator.act(&format!("{path}/approve")).await.expect(200);
    assert_eq!(other.get(&path).await.expect(200).body["status"], "APPROVED");
}

#[tokio::test]
async fn another_organizations_event_does_not_exist_even_for_its_admin() {
    let stack = Stack::start().await;
    let (admin, stranger) =
        (stack.anonymous().found_organization().await, stack.anonymous().found_organization().await);
    let id = admin.submitted("Ours").await;
    admin.act(&format!("/events/{id}/approve")).await.expect(200);

    let foreign = stranger.get(&format!("/events/{id}")).await;
    let unknown = stranger.get(&format!("/events/{}", Uuid::now_v7())).await;

    assert_eq!(foreign.problem(404)["detail"], unknown.problem(404)["detail"]);
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let path = format!("/events/{}", admin.created("Read twice").await);
    let etag = admin.get(&path).await.etag();
    let known = async |tags: String| {
        admin.with_header(Method::GET, &path, ("if-none-match", &tags), &Value::Null).await
    };
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"0\", {etag}"), "*".to_owned()] {
        let answer = known(tags).await.expect(304);
        assert_eq!((answer.etag(), answer.text.as_str()), (etag.clone(), ""));
    }
    known("\"0\"".to_owned()).await.expect(200);
    assert_eq!(known("not a tag".to_owned()).await.faulty_fields(), ["If-None-Match"]);
    admin.act(&format!("{path}/submit")).await.expect(200);
    assert_ne!(known(etag.clone()).await.expect(200).etag(), etag);
}

#[tokio::test]
async fn an_id_is_a_uuid_in_its_usual_spelling() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    for bad in ["1", "00000000000000000000000000000001", "%00", "%FF", "'; drop table", "not-a-uuid"] {
        assert_eq!(admin.get(&format!("/events/{bad}")).await.faulty_fields(), ["id"], "{bad}");
    }
    admin.get("/events/00000000-0000-0000-0000-000000000000").await.problem(404);
    assert_eq!(
        admin.get(&format!("/events/{}?v=1", Uuid::nil())).await.faulty_fields(),
        ["v"],
        "400 before 404"
    );
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let path = format!("/events/{}", admin.created("Only the head").await);
    let head = async |path: &str| send(admin.request(Method::HEAD, path)).await;

    let found = head(&path).await.expect(200);
    assert_eq!((found.etag(), found.text.as_str()), (admin.get(&path).await.etag(), ""));
    let missing = head(&format!("/events/{}", Uuid::now_v7())).await.expect(404);
    assert_eq!(
        (missing.header("content-type"), missing.text.as_str()),
        (Some("application/problem+json"), "")
    );
}
