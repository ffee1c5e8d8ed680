//! The owners of events: how they are called, what they take along, and what is handed over when they leave.

use std::time::Duration;

use eventboard_chassis::correlation::CorrelationId;
use eventboard_db::{Actor as AuditActor, MemberWrite, lock_for_removal, lock_member, remove_member};
use eventboard_domain::{Identity, Role, TokenSession};
use eventboard_proto::events::{
    ApproveRequest, EventStatus, ExportRequest, GetUsageRequest, HistoryAction, ListPeopleRequest,
    RejectRequest, TransferReply, TransferRequest, UsageReply,
};
use eventboard_testing::TestDatabase;
use futures::future::{join, join_all};
use sqlx::{Connection, PgConnection};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::support::{Actor, Organization, Replica, count, draft, execute, key};

/// How often calls cross.
const ROUNDS: usize = 1_000;

/// An organization with actors for each role.
struct World {
    database: TestDatabase,
    replica: Replica,
    organization: Organization,
    user: Actor,
    moderator: Actor,
    admin: Actor,
}

impl World {
    async fn start() -> Self {
        let database = TestDatabase::create().await;
        let organization = Organization::create(&database).await;
        let replica = Replica::start(&database).await;
        let [user, moderator, admin] =
            [Role::User, Role::Moderator, Role::Admin].map(|role| replica.actor(&organization, role));
        Self { database, replica, organization, user, moderator, admin }
    }

    async fn delete_user(&self, id: Uuid) {
        assert!(delete_user(&mut self.database.connect().await, self.organization.id, id).await);
    }
}

/// Deletes a member as auth-service does. Returns false if there is no such member any more.
async fn delete_user(connection: &mut PgConnection, organization_id: Uuid, id: Uuid) -> bool {
    let mut transaction = connection.begin().await.unwrap();
    lock_for_removal(&mut transaction, organization_id, id).await.unwrap();
    let Some(member) = lock_member(&mut transaction, organization_id, id).await.unwrap() else {
        return false;
    };
    let correlation = CorrelationId::new();
    let write = MemberWrite { actor: AuditActor::Operator, correlation: &correlation, force: false };
    remove_member(&mut transaction, &member, None, write).await.unwrap();
    transaction.commit().await.unwrap();
    true
}

/// Makes calls cross again and again, four pairs of them at a time.
async fn rounds(database: &TestDatabase, cross: impl AsyncFn(&mut PgConnection, usize)) {
    let lanes = (0..4).map(|lane| {
        let cross = &cross;
        async move {
            let mut connection = database.connect().await;
            for number in (lane..ROUNDS).step_by(4) {
                cross(&mut connection, number).await;
            }
        }
    });
    join_all(lanes).await;
}

fn hand_over(from: Uuid, to: Uuid) -> TransferRequest {
    TransferRequest { from_id: from.to_string(), to_id: to.to_string(), idempotency: None }
}

fn reason(refused: &Status) -> Option<String> {
    refused.get_error_details().error_info().map(|info| info.reason.clone())
}

#[tokio::test]
async fn an_admin_hands_the_events_of_a_leaver_over() {
    let World { database, user, admin, organization, .. } = &World::start().await;
    let (mine, submitted) = (user.create_draft("My draft").await, user.create_submitted("My event").await);
    let admins = admin.create_draft("Not the leaver's").await;
    let (from, to) = (user.identity.user_id, organization.other_user);
    let reply = admin.transfer(hand_over(from, to)).await.unwrap();
    assert_eq!(reply, TransferReply { transferred: 2, has_more: false, replayed: false });
    for before in [&mine, &submitted] {
        let event = admin.find(&before.id).await.unwrap();
        assert_eq!((event.created_by_id, event.version), (to.to_string(), before.version + 1));
        assert_eq!((event.status, &event.title), (before.status, &before.title));
    }
    assert_eq!(admin.find(&admins.id).await.unwrap().created_by_id, admin.identity.user_id.to_string());
    let recorded = r#"
        select count(*) from "AuditEntry"
        where action = 'EVENTS_TRANSFERRED' and details ->> 'events' = '2' and "targetType" = 'USER'
    "#;
    assert_eq!(count(database, recorded).await, 1);
    let stale = r#"select count(*) from "Event" where "foldedVersion" is null"#;
    assert_eq!(count(database, stale).await, 0, "the search still finds them");
}

#[tokio::test]
async fn events_of_somebody_who_was_deleted_can_be_handed_over() {
    let world = World::start().await;
    let World { user, moderator, admin, organization, .. } = &world;
    let event = user.create_submitted("A published event").await;
    moderator.approve(ApproveRequest { id: event.id.clone(), ..Default::default() }).await.unwrap();
    world.delete_user(user.identity.user_id).await;
    let request = || hand_over(user.identity.user_id, organization.other_user);
    assert_eq!(admin.transfer(request()).await.unwrap().transferred, 1);
    let refused = admin.transfer(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "neither a member nor an owner");
}

#[tokio::test]
async fn events_are_handed_over_by_admins_to_members_of_their_organization_only() {
    let World { database, replica, user, moderator, admin, organization } = &World::start().await;
    user.create_draft("My draft").await;
    let (from, to) = (user.identity.user_id, organization.other_user);
    for actor in [user, moderator] {
        let refused = actor.transfer(hand_over(from, to)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let elsewhere = Organization::create(database).await;
    let stranger = replica.actor(&elsewhere, Role::Admin);
    let to_stranger = admin.transfer(hand_over(from, stranger.identity.user_id)).await.unwrap_err();
    let to_nobody = admin.transfer(hand_over(from, Uuid::nil())).await.unwrap_err();
    let to_self = admin.transfer(hand_over(from, from)).await.unwrap_err();
    for refused in [to_stranger, to_nobody, to_self] {
        let violations = refused.get_error_details().bad_request().unwrap().field_violations.clone();
        assert_eq!(violations[0].field, "to");
    }
    let refused = stranger.transfer(hand_over(from, elsewhere.other_user)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(count(database, r#"select count(*) from "Event" where version > 1"#).await, 0);
}

#[tokio::test]
async fn a_transfer_with_a_key_is_performed_once() {
    let World { user, admin, organization, .. } = &World::start().await;
    user.create_draft("My draft").await;
    let request = |to| TransferRequest { idempotency: key("leaver"), ..hand_over(user.identity.user_id, to) };
    let first = admin.transfer(request(organization.other_user)).await.unwrap();
    user.create_draft("Another draft").await;
    let again = admin.transfer(request(organization.other_user)).await.unwrap();
    assert_eq!((first.transferred, first.replayed), (1, false));
    assert_eq!((again.transferred, again.replayed), (1, true));
    let refused = admin.transfer(request(admin.identity.user_id)).await.unwrap_err();
    assert_eq!(reason(&refused).as_deref(), Some("KEY_REUSED"));
}

#[tokio::test]
async fn many_long_events_are_handed_over_by_as_many_requests_as_their_deadlines_allow() {
    let World { database, user, admin, organization, .. } = &World::start().await;
    let insert = r#"
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", "createdAt", "updatedAt")
        select gen_random_uuid(), "organizationId", id, 'An event', (select string_agg(md5(number::text || word), ' ') from generate_series(1, 90) word),
            now(), now() + interval '1 hour', now(), now()
        from "User", generate_series(1, 1000) number where id = $1
    "#;
    execute(database, insert, user.identity.user_id).await;
    let mut transferred = 0;
    loop {
        let mut request = admin.request(hand_over(user.identity.user_id, organization.other_user));
        request.set_timeout(Duration::from_secs(10));
        let reply = admin.client().transfer(request).await.unwrap().into_inner();
        assert!(reply.transferred > 0);
        transferred += reply.transferred;
        if !reply.has_more {
            break;
        }
    }
    assert_eq!(transferred, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_is_disabled_while_writing_writes_nothing_afterwards() {
    let World { database, replica, organization, .. } = &World::start().await;
    let add = r#"
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        values ($2, $1, $2::text || '@example.org', 'F', 'L', 'USER', '$argon2id$')
    "#;
    let cross = async |connection: &mut PgConnection, _: usize| {
        let user_id = Uuid::now_v7();
        sqlx::query(add).bind(organization.id).bind(user_id).execute(&mut *connection).await.unwrap();
        let session = TokenSession::UNDATED;
        let identity = Identity { user_id, organization_id: organization.id, role: Role::User, session };
        let actor = replica.actor_as(identity);
        let disable = sqlx::query(r#"update "User" set disabled = true where id = $1"#).bind(user_id);
        let (created, disabled) =
            join(actor.create(draft("A last draft")), disable.execute(&mut *connection)).await;
        disabled.unwrap();
        assert!(created.is_ok() || created.unwrap_err().code() == Code::Unauthenticated);
        let refused = actor.create(draft("One more draft")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    };
    rounds(database, cross).await;
    assert_eq!(count(database, r#"select count(*) from "Event" where title = 'One more draft'"#).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_crosses_the_deletion_of_either_owner_leaves_no_draft_without_an_owner() {
    let World { database, replica, admin, organization, .. } = &World::start().await;
    let second = Replica::start(database).await;
    let admins = [replica.actor_as(admin.identity.clone()), second.actor_as(admin.identity.clone())];
    let add = r#"
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select id, $1, id || '@example.org', 'F', 'L', 'USER', '$argon2id$' from unnest($2::uuid[]) id
    "#;
    let cross = async |connection: &mut PgConnection, number: usize| {
        let (from, to) = (Uuid::now_v7(), Uuid::now_v7());
        sqlx::query(add).bind(organization.id).bind(vec![from, to]).execute(&mut *connection).await.unwrap();
        let session = TokenSession::UNDATED;
        let identity =
            Identity { user_id: from, organization_id: organization.id, role: Role::User, session };
        replica.actor_as(identity).create_draft("A draft").await;
        let leaver = if number.is_multiple_of(2) { from } else { to };
        let transfer = admins[number % 3 % 2].transfer(hand_over(from, to));
        let (transferred, deleted) = join(transfer, delete_user(connection, organization.id, leaver)).await;
        assert!(deleted);
        let expected = [Code::NotFound, Code::InvalidArgument];
        assert!(transferred.is_ok() || expected.contains(&transferred.unwrap_err().code()));
    };
    rounds(database, cross).await;
    let without_owner = r#"
        select count(*) from "Event" where not exists (select from "User" where id = "createdById")
    "#;
    assert_eq!(count(database, without_owner).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_created_while_its_owner_is_deleted_does_not_stay() {
    let World { database, replica, organization, .. } = &World::start().await;
    let add = r#"
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        values ($2, $1, $2::text || '@example.org', 'F', 'L', 'USER', '$argon2id$')
    "#;
    let cross = async |connection: &mut PgConnection, _: usize| {
        let user_id = Uuid::now_v7();
        sqlx::query(add).bind(organization.id).bind(user_id).execute(&mut *connection).await.unwrap();
        let session = TokenSession::UNDATED;
        let identity = Identity { user_id, organization_id: organization.id, role: Role::User, session };
        let actor = replica.actor_as(identity);
        let create = actor.create(draft("A last draft"));
        let (created, deleted) = join(create, delete_user(connection, organization.id, user_id)).await;
        assert!(deleted);
        assert!(created.is_ok() || created.unwrap_err().code() == Code::Unauthenticated);
    };
    rounds(database, cross).await;
    assert_eq!(count(database, r#"select count(*) from "Event""#).await, 0);
}

#[tokio::test]
async fn people_are_those_whose_events_the_caller_sees() {
    let world = World::start().await;
    let World { database, replica, organization, user, moderator, admin } = &world;
    let other = replica.actor_as(organization.other_identity());
    other.create_draft("Not to be seen by the user").await;
    let event = moderator.create_submitted("A published event").await;
    admin.approve(ApproveRequest { id: event.id, ..Default::default() }).await.unwrap();
    let elsewhere = Organization::create(database).await;
    let stranger = replica.actor(&elsewhere, Role::Admin);
    let published = stranger.create_submitted("Elsewhere").await;
    stranger.approve(ApproveRequest { id: published.id, ..Default::default() }).await.unwrap();

    let ids: Vec<_> = [other, moderator.clone(), admin.clone(), user.clone(), stranger]
        .iter()
        .map(|actor| actor.identity.user_id.to_string())
        .chain([Uuid::nil().to_string()])
        .collect();
    let seen_by = async |actor: &Actor| {
        let request = ListPeopleRequest { ids: ids.iter().chain(&ids).cloned().collect() };
        actor.list_people(request).await.unwrap().people
    };
    let seen = |people: Vec<eventboard_proto::events::Person>| {
        people.into_iter().map(|person| person.id).collect::<Vec<_>>()
    };
    let [other, moderators, admins, users, _, _] = <[String; 6]>::try_from(ids.clone()).unwrap();
    assert_eq!(seen(seen_by(user).await), [moderators.clone(), users.clone()]);
    let everybody = [other, moderators.clone(), admins, users.clone()];
    for actor in [moderator, admin] {
        assert_eq!(seen(seen_by(actor).await), everybody);
    }
    assert!(seen_by(user).await.iter().all(|person| person.display_name.as_deref() == Some("F L")));

    world.delete_user(moderator.identity.user_id).await;
    let person = seen_by(user).await.remove(0);
    assert_eq!((person.id, person.display_name), (moderators, None), "a former member");
}

#[tokio::test]
async fn people_are_asked_for_by_one_to_a_hundred_ids() {
    let World { user, .. } = &World::start().await;
    let id = Uuid::nil().to_string();
    for ids in [vec![], vec![id.clone(); 101], vec!["x".to_owned()]] {
        let refused = user.list_people(ListPeopleRequest { ids }).await.unwrap_err();
        assert_eq!(refused.get_error_details().bad_request().unwrap().field_violations[0].field, "ids");
    }
    assert!(user.list_people(ListPeopleRequest { ids: vec![id; 100] }).await.unwrap().people.is_empty());
}

#[tokio::test]
async fn every_member_sees_what_the_organization_stores() {
    let World { user, admin, .. } = &World::start().await;
    let usage = user.get_usage(GetUsageRequest {}).await.unwrap();
    assert_eq!(usage, UsageReply { events: Some(0), bytes: Some(0) });
    user.create_draft("A draft").await;
    let usage = admin.get_usage(GetUsageRequest {}).await.unwrap();
    assert_eq!(usage.events, Some(1));
    assert!(usage.bytes > Some(0));
}

#[tokio::test]
async fn a_copy_has_all_events_of_the_caller_and_what_the_caller_did() {
    let world = World::start().await;
    let World { database, user, moderator, .. } = &world;
    let rejected = user.create_submitted("A rejected event").await;
    let rejection = RejectRequest {
        id: rejected.id.clone(),
        reason: "Not this year, sorry".into(),
        ..Default::default()
    };
    moderator.reject(rejection).await.unwrap();
    moderator.create_draft("Somebody else's").await;
    let insert = r#"
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", "createdAt", "updatedAt", status)
        select gen_random_uuid(), "organizationId", id, 'An event', 'A description', now(), now() + interval '1 hour', now(), now(),
            (enum_range(null::"EventStatus"))[1 + number % 3]
        from "User", generate_series(1, 250) number where id = $1
    "#;
    execute(database, insert, user.identity.user_id).await;
    let copy = async |actor: &Actor| {
        let (mut events, mut history, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = actor.export(ExportRequest { cursor }).await.unwrap();
            assert!(page.events.len() <= 100 && page.history.len() <= 100);
            events.extend(page.events);
            history.extend(page.history);
            match page.next_cursor {
                Some(next) => cursor = next,
                None => return (events, history),
            }
        }
    };
    let (events, history) = copy(user).await;
    let ids: std::collections::HashSet<_> = events.iter().map(|event| &event.id).collect();
    assert_eq!((ids.len(), events.len()), (251, 251));
    let actions: Vec<_> = history.iter().map(|entry| entry.action()).collect();
    assert_eq!(actions, [HistoryAction::Create, HistoryAction::Submit]);
    assert_eq!(events.iter().filter(|event| event.status() == EventStatus::Rejected).count(), 1);
    let (events, history) = copy(moderator).await;
    assert_eq!(events.len(), 1);
    assert_eq!((history[0].action(), &history[0].event_id), (HistoryAction::Reject, &rejected.id));
    assert_eq!(history[0].reason.as_deref(), Some("Not this year, sorry"));
    let refused = user.export(ExportRequest { cursor: "x".into() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.delete_user(user.identity.user_id).await;
    let refused = user.export(ExportRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "an empty rest would look like the end of the copy");
}
