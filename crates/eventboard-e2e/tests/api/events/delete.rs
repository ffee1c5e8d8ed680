//! `DELETE /events/{id}`.

use crate::support::{Stack, database::history};

#[tokio::test]
async fn an_owner_can_delete_a_draft_and_its_history_remains() {
    let stack = Stack::start().await;
    let owner = stack.anonymous().sign_up_admin().await.add_colleague(&stack, "USER").await;
    let id = owner.create_event("Short-lived").await;
    let path = format!("/events/{id}");

    let deleted = owner.delete(&path).await.expect(204);

    assert_eq!(deleted.text, "");
    assert_eq!((deleted.header("content-type"), deleted.header("etag")), (None, None));
    owner.get(&path).await.expect_problem(404);
    owner.delete(&path).await.expect_problem(404);
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "DELETE"]);
}

#[tokio::test]
async fn only_an_admin_can_delete_a_submitted_event() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let (owner, moderator) =
        (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "MODERATOR").await);
    let path = format!("/events/{}", owner.create_submitted_event("Waits for its end").await);
    owner.delete(&path).await.expect_problem(403);
    moderator.delete(&path).await.expect_problem(403);
    admin.delete(&path).await.expect(204);
}

#[tokio::test]
async fn a_moderator_cannot_delete_the_draft_of_another_user() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let (owner, moderator) =
        (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "MODERATOR").await);
    let path = format!("/events/{}", owner.create_event("Not yours").await);
    moderator.delete(&path).await.expect_problem(403);
    owner.delete(&path).await.expect(204);
}

#[tokio::test]
async fn deleting_an_event_that_the_caller_may_not_see_returns_404() {
    let stack = Stack::start().await;
    let (admin, outsider) =
        (stack.anonymous().sign_up_admin().await, stack.anonymous().sign_up_admin().await);
    let path = format!("/events/{}", admin.create_event("Ours").await);
    outsider.delete(&path).await.expect_problem(404);
    admin.add_colleague(&stack, "USER").await.delete(&path).await.expect_problem(404);
    admin.get(&path).await.expect(200);
}
