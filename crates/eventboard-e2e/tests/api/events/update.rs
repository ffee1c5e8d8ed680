//! `PATCH /events/{id}`.

use serde_json::{Value, json};

use crate::support::{Actor, Stack, database::history};

#[tokio::test]
async fn a_patch_changes_only_the_given_fields() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("Before").await);
    let before = admin.get(&path).await;

    let after = admin.patch(&path, &json!({ "title": " After ", "location": null })).await.expect(200);

    assert_ne!(after.etag(), before.etag());
    let mut expected = before.body.clone();
    expected["title"] = "After".into();
    expected["location"] = Value::Null;
    expected["updatedAt"] = after.body["updatedAt"].clone();
    assert_eq!(after.body, expected);
    let read = admin.get(&path).await;
    assert_eq!((read.text.as_str(), read.etag()), (after.text.as_str(), after.etag()));
}

#[tokio::test]
async fn an_empty_patch_does_not_change_the_event_or_its_etag() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("As it was").await);
    let before = admin.get(&path).await;
    let after = admin.patch(&path, &json!({})).await.expect(200);
    assert_eq!((after.text.as_str(), after.etag()), (before.text.as_str(), before.etag()));
}

#[tokio::test]
async fn every_field_can_be_changed_but_only_the_location_can_be_cleared() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("All of it").await);
    let all = json!({
        "title": "Another title", "description": "Another description", "location": "Elsewhere",
        "startDate": "2027-01-01T00:00:00.000Z", "endDate": "2027-01-02T00:00:00.000Z",
    });
    let changed = admin.patch(&path, &all).await.expect(200).body;
    assert!(all.as_object().unwrap().iter().all(|(field, value)| &changed[field] == value), "{changed}");

    let nulls = json!({ "title": null, "description": null, "startDate": null, "endDate": null });
    assert_eq!(
        admin.patch(&path, &nulls).await.invalid_fields(),
        ["description", "endDate", "startDate", "title"]
    );
    let others = json!({ "id": "x", "status": "APPROVED", "organizationId": "y", "version": 7 });
    assert_eq!(
        admin.patch(&path, &others).await.invalid_fields(),
        ["id", "organizationId", "status", "version"]
    );
    assert_eq!(admin.get(&path).await.body, changed);
}

#[tokio::test]
async fn dates_are_validated_on_the_merged_event() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("From nine to six").await);
    for late in [json!({ "startDate": "2026-06-15T18:00:00Z" }), json!({ "endDate": "2026-06-15T09:00:00Z" })]
    {
        assert_eq!(admin.patch(&path, &late).await.invalid_fields(), ["endDate"]);
    }
    let moved = json!({ "startDate": "2028-01-01T00:00:00Z", "endDate": "2028-01-01T00:00:00.001Z" });
    admin.patch(&path, &moved).await.expect(200);
}

#[tokio::test]
async fn owners_can_edit_drafts_and_rejected_events_and_moderators_can_edit_any() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let (owner, moderator) =
        (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "MODERATOR").await);
    let path = format!("/events/{}", owner.create_event("Edited by many").await);
    let statuses = async || {
        [
            patch_status(&owner, &path).await,
            patch_status(&moderator, &path).await,
            patch_status(&admin, &path).await,
        ]
    };

    assert_eq!(statuses().await, [200, 200, 200], "DRAFT");
    owner.post_without_body(&format!("{path}/submit")).await.expect(200);
    assert_eq!(statuses().await, [403, 200, 200], "SUBMITTED");
    moderator.post(&format!("{path}/reject"), &json!({ "reason": "Not good enough" })).await.expect(200);
    assert_eq!(statuses().await, [200, 200, 200], "REJECTED");
    owner.post_without_body(&format!("{path}/submit")).await.expect(200);
    moderator.post_without_body(&format!("{path}/approve")).await.expect(200);
    assert_eq!(statuses().await, [403, 200, 200], "APPROVED");
    assert_eq!(admin.get(&path).await.body["status"], "APPROVED", "editing does not change the status");
    assert_eq!(
        history(&stack.database, &path[8..]).await,
        ["CREATE", "SUBMIT", "REJECT", "SUBMIT", "APPROVE"]
    );
}

async fn patch_status(actor: &Actor, path: &str) -> u16 {
    actor.patch(path, &json!({ "title": format!("By {}", actor.id()) })).await.status
}
