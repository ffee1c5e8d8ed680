//! Tests of callers with genuine tokens that do not match their users any more.

use std::{future::Future, pin::Pin};

use eventboard_domain::Role;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, DeleteRequest, FindAllRequest, RejectRequest, SortBy, SubmitRequest,
    UpdateRequest,
};
use eventboard_testing::TestDatabase;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::support::{Actor, Organization, Replica, count, draft, execute, key};

/// What an operator did to a user, as a statement whose parameter is the user's id.
const CHANGES: [(&str, &str); 4] = [
    ("disabled", r#"update "User" set disabled = true where id = $1"#),
    ("demoted", r#"update "User" set role = 'USER' where id = $1"#),
    (
        "moved",
        r#"with moved as (
            insert into "Organization" (id, name, slug) values (gen_random_uuid(), 'Elsewhere', 'elsewhere')
            returning id
        )
        update "User" set "organizationId" = moved.id from moved where "User".id = $1"#,
    ),
    ("deleted", r#"delete from "User" where id = $1"#),
];

type Call<'a> = Pin<Box<dyn Future<Output = Result<(), Status>> + 'a>>;

/// All writes to events, by name. `id` is a submitted event.
fn writes<'a>(actor: &'a Actor, id: &str) -> Vec<(&'static str, Call<'a>)> {
    fn call<'a, T>(reply: impl Future<Output = Result<T, Status>> + 'a) -> Call<'a> {
        Box::pin(async move { reply.await.map(drop) })
    }
    let id = || id.to_owned();
    let reject = RejectRequest { id: id(), reason: "Not in this venue".into(), ..Default::default() };
    let update = UpdateRequest { id: id(), title: Some("Another title".into()), ..Default::default() };
    vec![
        ("create", call(actor.create(draft("A new event")))),
        (
            "create with a key",
            call(actor.create(CreateRequest { idempotency: key("k"), ..draft("A new event") })),
        ),
        ("update", call(actor.update(update))),
        ("submit", call(actor.submit(SubmitRequest { id: id(), ..Default::default() }))),
        ("approve", call(actor.approve(ApproveRequest { id: id(), ..Default::default() }))),
        ("reject", call(actor.reject(reject))),
        ("delete", call(actor.delete(DeleteRequest { id: id(), ..Default::default() }))),
    ]
}

fn list_request() -> FindAllRequest {
    FindAllRequest { limit: 10, sort_by: SortBy::StartDate.into(), ..Default::default() }
}

#[tokio::test]
async fn a_write_with_an_outdated_token_is_unauthenticated_and_changes_nothing() {
    for (change, statement) in CHANGES {
        let database = TestDatabase::create().await;
        let (replica, organization) =
            (Replica::start(&database).await, Organization::create(&database).await);
        let id = replica.actor(&organization, Role::User).create_submitted("Somebody else's").await.id;
        let moderator = replica.actor(&organization, Role::Moderator);
        let history = r#"select count(*) from "EventHistory""#;
        let keys = r#"select count(*) from "IdempotencyKey""#;
        let before = (count(&database, history).await, count(&database, keys).await);

        execute(&database, statement, moderator.identity.user_id).await;
        for (write, call) in writes(&moderator, &id) {
            let refused = call.await.expect_err(write);
            assert_eq!(refused.code(), Code::Unauthenticated, "{change}: {write}");
            assert_eq!(
                refused.message(),
                "This token is no longer valid. Log in again.",
                "{change}: {write}"
            );
        }
        assert_eq!((count(&database, history).await, count(&database, keys).await), before, "{change}");
    }
}

#[tokio::test]
async fn a_replay_from_the_database_with_an_outdated_token_is_unauthenticated() {
    for (change, statement) in CHANGES {
        let database = TestDatabase::create().await;
        let organization = Organization::create(&database).await;
        let replicas = [Replica::start(&database).await, Replica::start(&database).await];
        let [first, other] = replicas.each_ref().map(|replica| replica.actor(&organization, Role::Moderator));
        let id = replicas[0].actor(&organization, Role::User).create_submitted("Approved once").await.id;
        let approve = || ApproveRequest {
            id: id.clone(),
            if_match: None,
            if_none_match: None,
            idempotency: key("approve"),
        };
        let create = || CreateRequest { idempotency: key("create"), ..draft("Created once") };
        first.approve(approve()).await.unwrap();
        let created = first.create(create()).await.unwrap().event.unwrap();
        // Otherwise the moderator could not be deleted.
        let admin = replicas[0].actor(&organization, Role::Admin);
        admin.delete(DeleteRequest { id: created.id, ..Default::default() }).await.unwrap();

        execute(&database, statement, other.identity.user_id).await;
        assert_eq!(other.approve(approve()).await.unwrap_err().code(), Code::Unauthenticated, "{change}");
        assert_eq!(other.create(create()).await.unwrap_err().code(), Code::Unauthenticated, "{change}");
    }
}

#[tokio::test]
async fn a_repeated_write_is_replayed_from_memory_without_the_database() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (user, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let create = || CreateRequest { idempotency: key("create"), ..draft("Created once") };
    let id = user.create(create()).await.unwrap().event.unwrap().id;
    user.submit(SubmitRequest { id: id.clone(), ..Default::default() }).await.unwrap();
    let approve = || ApproveRequest {
        id: id.clone(),
        if_match: None,
        if_none_match: None,
        idempotency: key("approve"),
    };
    moderator.approve(approve()).await.unwrap();

    // While this lock is held, every statement that checks a caller waits.
    let mut connection = database.connect().await;
    sqlx::raw_sql(r#"begin; lock table "User""#).execute(&mut connection).await.unwrap();
    assert!(user.create(create()).await.unwrap().replayed);
    assert!(moderator.approve(approve()).await.unwrap().replayed);
}

#[tokio::test]
async fn a_read_with_an_outdated_token_is_unauthenticated() {
    for (change, statement) in CHANGES {
        let database = TestDatabase::create().await;
        let (replica, organization) =
            (Replica::start(&database).await, Organization::create(&database).await);
        let id = replica.actor(&organization, Role::User).create_submitted("Not for everybody").await.id;
        let moderator = replica.actor(&organization, Role::Moderator);

        execute(&database, statement, moderator.identity.user_id).await;
        assert_eq!(moderator.find(&id).await.unwrap_err().code(), Code::Unauthenticated, "{change}");
        let refused = moderator.find_all(list_request()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{change}");
    }
}

#[tokio::test]
async fn a_user_with_a_new_role_needs_a_new_token() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let user = replica.actor(&organization, Role::User);
    let promote = r#"update "User" set role = 'MODERATOR' where id = $1"#;
    execute(&database, promote, user.identity.user_id).await;

    assert_eq!(user.create(draft("With the old token")).await.unwrap_err().code(), Code::Unauthenticated);
    let mut identity = user.identity.clone();
    identity.role = Role::Moderator;
    replica.actor_as(identity).create_draft("With a new token").await;
}

#[tokio::test]
async fn the_token_of_a_user_who_never_existed_is_unauthenticated() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let mut identity = organization.identity(Role::Admin);
    identity.user_id = Uuid::now_v7();
    let nobody = replica.actor_as(identity);

    assert_eq!(nobody.create(draft("By nobody")).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(nobody.find_all(list_request()).await.unwrap_err().code(), Code::Unauthenticated);
}
