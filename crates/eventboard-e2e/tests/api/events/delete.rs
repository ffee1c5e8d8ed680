//! `DELETE /events/{id}`.

use crate::support::{Stack, database::history};

#[tokio::test]
async fn an_owner_deletes_a_draft_and_its_history_survives_it() {
    let stack = Stack::start().await;
    let owner = stack.anonymous().found_organization().await.colleague(&stack, "USER").await;
    let id = owner.created("Short-lived").await;
    let path = format!("/events/{id}");

    let gone = owner.delete(&path).await.expect(204);

    assert_eq!((gone.text.as_str(), gone.header("content-type"), gone.header("etag")), ("", None, None));
    owner.get(&path).await.problem(404);
    owner.delete(&path).await.problem(404);
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "DELETE"]);
}

#[tokio::test]
async fn a_submitted_event_is_deleted_by_an_admin_only() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let (owner, moderator) =
        (admin.colleague(&stack, "USER").await, admin.colleague(&stack, "MODERATOR").await);
    let path = format!("/events/{}", owner.submitted("Waits for its end").await);
    owner.delete(&path).await.problem(403);
    moderator.delete(&path).await.problem(403);
    admin.delete(&path).await.expect(204);
}

#[tokio::test]
async fn a_moderator_does_not_delete_the_draft_of_somebody_else() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let (owner, moderator) =
        (admin.colleague(&stack, "USER").await, admin.colleague(&stack, "MODERATOR").await);
    let path = format!("/events/{}", owner.created("Not yours").await);
    moderator.delete(&path).await.problem(403);
    owner.delete(&path).await.expect(204);
}

#[tokio::test]
async fn strangers_find_nothing_to_delete() {
    let stack = Stack::start().await;
    let (admin, stranger) =
        (stack.anonymous().found_organization().await, stack.anonymous().found_organization().await);
    let path = format!("/events/{}", admin.created("Ours").await);
    stranger.delete(&path).await.problem(404);
    admin.colleague(&stack, "USER").await.delete(&path).await.problem(404);
    admin.get(&path).await.expect(200);
}
