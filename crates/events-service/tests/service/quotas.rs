//! Tests of the quotas for events and bytes.

use eventboard_db::count_usage;
use eventboard_domain::{ROW_BYTES, Role, StorageUsage};
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, DeleteRequest, RejectRequest, SubmitRequest, UpdateRequest,
};
use eventboard_testing::TestDatabase;
use futures::future::join_all;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{Actor, Organization, Replica, START, at, count, draft, execute, key};

const EVENTS: &str = r#"select count(*) from "Event""#;

fn assert_exceeded(refused: &Status, limit: &str) {
    let details = refused.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    assert_eq!((refused.code(), reason), (Code::FailedPrecondition, Some("QUOTA_EXCEEDED")), "{refused:?}");
    assert_eq!(refused.message(), format!("The organization has reached its limit of {limit}."));
}

#[tokio::test]
async fn an_organization_at_its_limit_of_events_gets_no_new_event_until_one_is_deleted() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start_with(&database, &[("MAX_EVENTS_PER_ORGANIZATION", "3")]).await;
    let (user, admin) = (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Admin));
    let id = user.create_draft("The first event").await.id;
    for title in ["The second event", "The third event"] {
        admin.create_draft(title).await;
    }

    for actor in [&user, &admin] {
        assert_exceeded(&actor.create(draft("One too many")).await.unwrap_err(), "events (3)");
    }
    assert_eq!(count(&database, EVENTS).await, 3);
    let elsewhere = Organization::create(&database).await;
    replica.actor(&elsewhere, Role::User).create_draft("Another organization's").await;

    user.delete(DeleteRequest { id, ..Default::default() }).await.unwrap();
    user.create_draft("In the free place").await;
    assert_exceeded(&user.create(draft("One too many")).await.unwrap_err(), "events (3)");
}

#[tokio::test]
async fn events_that_existed_before_the_start_of_a_replica_count() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start(&database).await;
    let user = replica.actor(&organization, Role::User);
    for number in 0..3 {
        user.create_draft(&format!("Event number {number}")).await;
    }
    replica.stop().await;

    let replica = Replica::start_with(&database, &[("MAX_EVENTS_PER_ORGANIZATION", "3")]).await;
    let user = replica.actor(&organization, Role::User);
    assert_exceeded(&user.create(draft("One too many")).await.unwrap_err(), "events (3)");
}

#[tokio::test]
async fn of_concurrent_creates_only_as_many_succeed_as_the_limit_allows() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start_with(&database, &[("MAX_EVENTS_PER_ORGANIZATION", "5")]).await;
    let user = replica.actor(&organization, Role::User);

    let outcomes = join_all((0..30).map(|_| user.create(draft("One of many")))).await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    assert_eq!(count(&database, EVENTS).await, 5);
}

#[tokio::test]
async fn a_create_that_is_refused_leaves_its_key_free_and_one_that_was_performed_is_replayed() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let limit = [("MAX_EVENTS_PER_ORGANIZATION", "1")];
    let replica = Replica::start_with(&database, &limit).await;
    let user = replica.actor(&organization, Role::User);
    let with_key = |name: &str| CreateRequest { idempotency: key(name), ..draft("The only event") };
    let id = user.create(with_key("first")).await.unwrap().event.unwrap().id;

    assert_exceeded(&user.create(with_key("second")).await.unwrap_err(), "events (1)");
    assert_eq!(count(&database, r#"select count(*) from "IdempotencyKey" where key = 'second'"#).await, 0);
    assert!(user.create(with_key("first")).await.unwrap().replayed, "from memory");
    let other_replica = Replica::start_with(&database, &limit).await;
    let replay = other_replica.actor(&organization, Role::User).create(with_key("first")).await.unwrap();
    assert!(replay.replayed, "from the database");

    user.delete(DeleteRequest { id, ..Default::default() }).await.unwrap();
    assert!(!user.create(with_key("second")).await.unwrap().replayed);
}

#[tokio::test]
async fn failed_writes_and_replays_do_not_use_up_the_quota() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start_with(&database, &[("MAX_EVENTS_PER_ORGANIZATION", "2")]).await;
    let user = replica.actor(&organization, Role::User);
    let with_key = |title: &str| CreateRequest { idempotency: key("k"), ..draft(title) };
    user.create(with_key("The first event")).await.unwrap();

    // Another replica finds the key in the database, in the statement that would create the event.
    let other_replica = Replica::start_with(&database, &[("MAX_EVENTS_PER_ORGANIZATION", "2")]).await;
    let other = other_replica.actor(&organization, Role::User);
    for _ in 0..3 {
        let reused = other.create(with_key("Another event")).await.unwrap_err();
        assert_eq!(reused.code(), Code::InvalidArgument);
    }
    assert!(other.create(with_key("The first event")).await.unwrap().replayed);
    other.create_draft("The second event").await;
    assert_exceeded(&other.create(draft("One too many")).await.unwrap_err(), "events (2)");
}

#[tokio::test]
async fn a_refused_create_does_not_use_up_its_key_and_checks_its_caller() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let user_id = organization.identity(Role::User).user_id;
    let insert = r#"
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate",
            "createdAt", "updatedAt")
        select gen_random_uuid(), "organizationId", id, 'The only event', 'A description', now(),
            now() + interval '1 hour', now(), now()
        from "User" where id = $1
    "#;
    execute(&database, insert, user_id).await;
    let replica = Replica::start_with(&database, &[("MAX_EVENTS_PER_ORGANIZATION", "1")]).await;
    let user = replica.actor(&organization, Role::User);

    let with_key = || CreateRequest { idempotency: key("k"), ..draft("One too many") };
    assert_exceeded(&user.create(with_key()).await.unwrap_err(), "events (1)");
    assert_eq!(count(&database, r#"select count(*) from "IdempotencyKey""#).await, 0);
    execute(&database, r#"update "User" set disabled = true where id = $1"#, user_id).await;
    assert_eq!(user.create(with_key()).await.unwrap_err().code(), Code::Unauthenticated);
}

/// Returns what the organization stores.
async fn usage(database: &TestDatabase, organization: &Organization) -> StorageUsage {
    count_usage(&mut database.connect().await, organization.id).await.unwrap()
}

/// Starts a replica whose limit of bytes the organization has just reached. Returns the replica and the limit as the
/// messages name it.
async fn start_at_limit(database: &TestDatabase, organization: &Organization) -> (Replica, String) {
    let limit = usage(database, organization).await.bytes.to_string();
    let replica = Replica::start_with(database, &[("MAX_BYTES_PER_ORGANIZATION", &limit)]).await;
    (replica, format!("stored bytes ({limit})"))
}

fn long_draft() -> CreateRequest {
    CreateRequest { description: "x".repeat(5000), ..draft("A long event") }
}

fn update(id: &str, title: &str) -> UpdateRequest {
    UpdateRequest { id: id.into(), title: Some(title.into()), ..Default::default() }
}

async fn submit(owner: &Actor, id: &str) -> Result<(), Status> {
    owner.submit(SubmitRequest { id: id.into(), ..Default::default() }).await.map(drop)
}

async fn reject(moderator: &Actor, id: &str) -> Result<(), Status> {
    let reason = "Not in this venue".to_owned();
    moderator.reject(RejectRequest { id: id.into(), reason, ..Default::default() }).await.map(drop)
}

#[tokio::test]
async fn at_the_limit_of_bytes_events_are_neither_added_nor_lengthened_nor_submitted() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let first = Replica::start(&database).await;
    let user = first.actor(&organization, Role::User);
    user.create(long_draft()).await.unwrap();
    let id = user.create_draft("A long event").await.id;
    let mut submitted = Vec::new();
    for title in ["To be approved", "To be rejected", "To be deleted"] {
        submitted.push(user.create_submitted(title).await.id);
    }
    let (replica, limit) = start_at_limit(&database, &organization).await;
    let [user, moderator, admin] =
        [Role::User, Role::Moderator, Role::Admin].map(|role| replica.actor(&organization, role));

    assert_exceeded(&user.create(draft("One more")).await.unwrap_err(), &limit);
    assert_exceeded(&user.update(update(&id, "A longer event")).await.unwrap_err(), &limit);
    assert_exceeded(&submit(&user, &id).await.unwrap_err(), &limit);
    assert_eq!(user.find(&id).await.unwrap().version, 1);

    user.update(update(&id, "An event")).await.unwrap();
    moderator.approve(ApproveRequest { id: submitted[0].clone(), ..Default::default() }).await.unwrap();
    reject(&moderator, &submitted[1]).await.unwrap();
    admin.delete(DeleteRequest { id: submitted[2].clone(), ..Default::default() }).await.unwrap();
    user.delete(DeleteRequest { id, ..Default::default() }).await.unwrap();
}

#[tokio::test]
async fn updates_with_fresh_keys_end_at_an_eighth_above_the_limit_until_the_keys_expire() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let first = Replica::start(&database).await;
    let id = first.actor(&organization, Role::User).create(long_draft()).await.unwrap().event.unwrap().id;
    // One response has more than an eighth of the bytes of these drafts, of which each has its own response.
    for _ in 0..4 {
        first.actor(&organization, Role::User).create(long_draft()).await.unwrap();
    }
    let (replica, limit) = start_at_limit(&database, &organization).await;
    let user = replica.actor(&organization, Role::User);
    let mut updates = 0;
    let refused = loop {
        let with_key =
            UpdateRequest { idempotency: key(&updates.to_string()), ..update(&id, "A long event") };
        match user.update(with_key).await {
            Ok(_) => updates += 1,
            Err(refused) => break refused,
        }
    };
    assert_exceeded(&refused, &limit);
    assert_eq!(updates, 1);
    // This removes more than it stores.
    let shorter =
        UpdateRequest { description: Some("A short description".into()), ..update(&id, "A long event") };
    user.update(shorter).await.unwrap();

    database.expire_keys().await;
    let limit = limit.trim_matches(|character: char| !character.is_ascii_digit());
    let replica = Replica::start_with(&database, &[("MAX_BYTES_PER_ORGANIZATION", limit)]).await;
    replica.actor(&organization, Role::User).update(update(&id, "A longer event")).await.unwrap();
}

#[tokio::test]
async fn submissions_and_rejections_end_at_the_limit_of_bytes_and_only_a_submission_is_refused() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start_with(&database, &[("MAX_BYTES_PER_ORGANIZATION", "20000")]).await;
    let (user, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let id = user.create_draft("Submitted again and again").await.id;
    let refused = loop {
        if let Err(refused) = submit(&user, &id).await {
            break refused;
        }
        reject(&moderator, &id).await.unwrap();
    };
    assert_exceeded(&refused, "stored bytes (20000)");
    let bytes = usage(&database, &organization).await.bytes;
    assert!((18_000..22_000).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn an_exceeded_quota_is_refused_before_dates_that_only_the_merged_event_shows() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let first = Replica::start(&database).await;
    let id = first.actor(&organization, Role::User).create(long_draft()).await.unwrap().event.unwrap().id;
    let (replica, limit) = start_at_limit(&database, &organization).await;
    let late = |title| UpdateRequest { start_date: at(START + 7200), ..update(&id, title) };

    let refused = replica.actor(&organization, Role::User).update(late("A longer event")).await.unwrap_err();
    assert_exceeded(&refused, &limit);
    let refused = first.actor(&organization, Role::User).update(late("A longer event")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_database_counts_the_same_bytes_as_the_domain() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (user, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    replica.actor(&Organization::create(&database).await, Role::User).create_draft("Elsewhere").await;
    let id = user.create_draft("Größe").await.id;
    user.create(CreateRequest { location: None, ..draft("No location") }).await.unwrap();
    submit(&user, &id).await.unwrap();
    reject(&moderator, &id).await.unwrap();
    let expired = user.create_draft("Deleted, and its key has expired").await.id;
    let expire = r#"update "IdempotencyKey" set "expiresAt" = now() - interval '1 second' where "callerId" = $1
        and position(convert_to('expired', 'UTF8') in response) > 0"#;
    execute(&database, expire, user.identity.user_id).await;
    user.delete(DeleteRequest { id: expired, ..Default::default() }).await.unwrap();

    let responses = sqlx::query_scalar::<_, i64>(
        r#"select sum(octet_length(response)) from "IdempotencyKey"
            where "callerId" = any ($1) and "expiresAt" > now()"#,
    )
    .bind([user.identity.user_id, moderator.identity.user_id])
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap();
    let (events, reason, history_entries, keys) = ((7 + 33 + 9) + (11 + 33), 17, 6, 5);
    let bytes = events + reason + (history_entries + keys) * ROW_BYTES + responses;
    assert_eq!(usage(&database, &organization).await, StorageUsage { events: 2, bytes });
}
