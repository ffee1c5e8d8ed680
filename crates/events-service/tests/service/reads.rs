//! Tests of visibility.

use eventboard_domain::Role;
use eventboard_proto::events::{ApproveRequest, FindOneRequest};
use eventboard_testing::TestDatabase;
use tonic::{Code, Request};

use crate::support::{Organization, Replica};

#[tokio::test]
async fn a_user_sees_own_and_approved_events_and_a_moderator_sees_all() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let other = replica.actor_as(organization.other_identity());

    let event = owner.create_submitted("The owner's event").await;
    assert_eq!(owner.find(&event.id).await.unwrap(), event);
    assert_eq!(moderator.find(&event.id).await.unwrap(), event);
    assert_eq!(other.find(&event.id).await.unwrap_err().code(), Code::NotFound);

    moderator.approve(ApproveRequest { id: event.id.clone(), ..Default::default() }).await.unwrap();
    assert!(other.find(&event.id).await.is_ok());
}

#[tokio::test]
async fn an_admin_of_another_organization_sees_no_event() {
    let database = TestDatabase::create().await;
    let replica = Replica::start(&database).await;
    let (here, there) = (Organization::create(&database).await, Organization::create(&database).await);
    let event = replica.actor(&here, Role::Admin).create_draft("An event of ours").await;

    let other_admin = replica.actor(&there, Role::Admin);
    assert_eq!(other_admin.find(&event.id).await.unwrap_err().code(), Code::NotFound);
    let approve = ApproveRequest { id: event.id, ..Default::default() };
    assert_eq!(other_admin.approve(approve).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn the_service_verifies_the_token_itself() {
    let database = TestDatabase::create().await;
    let replica = Replica::start(&database).await;
    let find = FindOneRequest { id: "0198c5b0-0000-7000-8000-000000000000".into() };

    let absent = replica.client().find_one(Request::new(find.clone())).await.unwrap_err();
    let mut forged = Request::new(find);
    forged.metadata_mut().insert("authorization", "Bearer a.b.c".parse().unwrap());
    let forged = replica.client().find_one(forged).await.unwrap_err();

    assert_eq!((absent.code(), forged.code()), (Code::Unauthenticated, Code::Unauthenticated));
}
