//! `GET /events/{id}`.

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{
    Stack, send,
    shapes::{EVENT, keys},
};

#[tokio::test]
async fn a_draft_is_visible_to_its_owner_moderators_and_admins() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let (owner, other) =
        (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "USER").await);
    let moderator = admin.add_colleague(&stack, "MODERATOR").await;
    let id = owner.create_event("Visible to some").await;
    let path = format!("/events/{id}");

    let own = owner.get(&path).await.expect(200);
    assert_eq!(keys(&own.body), EVENT);
    for reader in [&admin, &moderator] {
        let same = reader.get(&path).await.expect(200);
        assert_eq!(
            (same.text.as_str(), same.etag()),
            (own.text.as_str(), own.etag()),
            "the response is the same for every caller"
        );
    }
    other.get(&path).await.expect_problem(404);

    owner.post_without_body(&format!("{path}/submit")).await.expect(200);
    other.get(&path).await.expect_problem(404);
    moderator.post_without_body(&format!("{path}/approve")).await.expect(200);
    assert_eq!(other.get(&path).await.expect(200).body["status"], "APPROVED");
}

#[tokio::test]
async fn an_event_of_another_organization_is_not_found_even_by_an_admin() {
    let stack = Stack::start().await;
    let (admin, outsider) =
        (stack.anonymous().sign_up_admin().await, stack.anonymous().sign_up_admin().await);
    let id = admin.create_submitted_event("Ours").await;
    admin.post_without_body(&format!("/events/{id}/approve")).await.expect(200);

    let foreign = outsider.get(&format!("/events/{id}")).await;
    let unknown = outsider.get(&format!("/events/{}", Uuid::now_v7())).await;

    assert_eq!(foreign.expect_problem(404)["detail"], unknown.expect_problem(404)["detail"]);
}

#[tokio::test]
async fn a_known_version_returns_304() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("Read twice").await);
    let etag = admin.get(&path).await.etag();
    let get_unless = async |tags: String| {
        admin.with_header(Method::GET, &path, ("if-none-match", &tags), &Value::Null).await
    };
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"0\", {etag}"), "*".to_owned()] {
        let response = get_unless(tags).await.expect(304);
        assert_eq!((response.etag(), response.text.as_str()), (etag.clone(), ""));
    }
    get_unless("\"0\"".to_owned()).await.expect(200);
    assert_eq!(get_unless("not a tag".to_owned()).await.invalid_fields(), ["If-None-Match"]);
    admin.post_without_body(&format!("{path}/submit")).await.expect(200);
    assert_ne!(get_unless(etag.clone()).await.expect(200).etag(), etag);
}

#[tokio::test]
async fn an_id_must_be_a_hyphenated_uuid() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    for invalid in ["1", "00000000000000000000000000000001", "%00", "%FF", "'; drop table", "not-a-uuid"] {
        assert_eq!(admin.get(&format!("/events/{invalid}")).await.invalid_fields(), ["id"], "{invalid}");
    }
    admin.get("/events/00000000-0000-0000-0000-000000000000").await.expect_problem(404);
    assert_eq!(
        admin.get(&format!("/events/{}?v=1", Uuid::nil())).await.invalid_fields(),
        ["v"],
        "400 is reported before 404"
    );
}

#[tokio::test]
async fn head_returns_the_headers_of_get_without_a_body() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("Only the head").await);
    let head = async |path: &str| send(admin.request(Method::HEAD, path)).await;

    let found = head(&path).await.expect(200);
    assert_eq!((found.etag(), found.text.as_str()), (admin.get(&path).await.etag(), ""));
    let missing = head(&format!("/events/{}", Uuid::now_v7())).await.expect(404);
    assert_eq!(
        (missing.header("content-type"), missing.text.as_str()),
        (Some("application/problem+json"), "")
    );
}
