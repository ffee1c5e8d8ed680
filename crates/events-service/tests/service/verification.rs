//! What users may do before they have verified their e-mail address.

use eventboard_domain::Role;
use eventboard_proto::events::{ApproveRequest, DeleteRequest, RejectRequest, SubmitRequest, UpdateRequest};
use eventboard_testing::TestDatabase;
use tonic::Code;

use crate::support::{Actor, Organization, Replica, execute};

const REQUIRED: [(&str, &str); 1] = [("REQUIRE_VERIFIED_EMAIL", "true")];

const VERIFY: &str = r#"update "User" set "emailVerifiedAt" = now() where id = $1"#;

/// The codes of a submission of a draft, and of both decisions on a submitted event.
async fn codes(owner: &Actor, moderator: &Actor, draft: &str, submitted: &str) -> [Code; 3] {
    let submit = SubmitRequest { id: draft.to_owned(), ..Default::default() };
    let approve = ApproveRequest { id: submitted.to_owned(), ..Default::default() };
    let reason = "The room is taken".to_owned();
    let reject = RejectRequest { id: submitted.to_owned(), reason, ..Default::default() };
    let code = |result: Result<_, tonic::Status>| result.map_or_else(|status| status.code(), |_| Code::Ok);
    [
        code(owner.submit(submit).await),
        code(moderator.approve(approve).await),
        code(moderator.reject(reject).await),
    ]
}

#[tokio::test]
async fn the_unverified_draft_and_the_verified_submit_and_decide() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start_with(&database, &REQUIRED).await;
    let owner = replica.actor(&organization, Role::User);
    let moderator = replica.actor(&organization, Role::Moderator);
    let draft = owner.create_draft("A grand opening").await.id;
    let other = replica.actor_as(organization.other_identity());
    execute(&database, VERIFY, organization.other_user).await;
    let submitted = other.create_submitted("Another opening").await.id;

    let refused = [Code::PermissionDenied; 3];
    assert_eq!(codes(&owner, &moderator, &draft, &submitted).await, refused);
    let status = owner.submit(SubmitRequest { id: draft.clone(), ..Default::default() }).await.unwrap_err();
    assert_eq!(
        status.message(),
        "Verify your e-mail address first: open the link in the mail, or ask for another one."
    );
    let update =
        UpdateRequest { id: draft.clone(), title: Some("A small opening".into()), ..Default::default() };
    owner.update(update).await.unwrap();
    let removed = owner.create_draft("No opening").await.id;
    owner.delete(DeleteRequest { id: removed, ..Default::default() }).await.unwrap();

    for actor in [&owner, &moderator] {
        execute(&database, VERIFY, actor.identity.user_id).await;
    }
    let decided_already = Code::FailedPrecondition;
    assert_eq!(codes(&owner, &moderator, &draft, &submitted).await, [Code::Ok, Code::Ok, decided_already]);
}

#[tokio::test]
async fn an_event_that_the_caller_may_not_see_is_not_found_before_anything_else() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start_with(&database, &REQUIRED).await;
    let draft = replica.actor(&organization, Role::User).create_draft("A grand opening").await.id;
    let other = replica.actor_as(organization.other_identity());
    let status = other.submit(SubmitRequest { id: draft, ..Default::default() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn without_the_setting_nobody_has_to_verify() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start(&database).await;
    let owner = replica.actor(&organization, Role::User);
    let moderator = replica.actor(&organization, Role::Moderator);
    let draft = owner.create_draft("A grand opening").await.id;
    let submitted = owner.create_submitted("Another opening").await.id;
    let codes = codes(&owner, &moderator, &draft, &submitted).await;
    assert_eq!(codes[..2], [Code::Ok, Code::Ok]);
}
