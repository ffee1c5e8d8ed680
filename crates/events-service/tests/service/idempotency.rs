//! Tests that every write with an idempotency key is performed once.

use eventboard_domain::Role;
use eventboard_proto::{
    events::{DeleteRequest, RejectRequest, SubmitRequest},
    writes::Idempotency,
};
use eventboard_testing::TestDatabase;
use futures::future::join_all;
use tonic::Code;
use uuid::Uuid;

use crate::support::{Organization, Replica, count, draft, history, key};

const EVENTS: &str = r#"select count(*) from "Event""#;

#[tokio::test]
async fn sixteen_identical_creates_on_two_replicas_create_one_event() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replicas = [Replica::start(&database).await, Replica::start(&database).await];

    for round in 0..5 {
        let calls = (0..16).map(|call| {
            let actor = replicas[call % 2].actor(&organization, Role::User);
            let mut message = draft("Requested sixteen times");
            message.idempotency = key(&format!("round {round}"));
            async move { actor.create(message).await.unwrap() }
        });
        let replies = join_all(calls).await;
        assert_eq!(replies.iter().filter(|reply| !reply.replayed).count(), 1);
        assert!(replies.iter().all(|reply| reply.event == replies[0].event));
        assert_eq!(count(&database, EVENTS).await, round + 1);
    }
}

#[tokio::test]
async fn identical_concurrent_submits_cause_one_transition_and_replays() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replicas = [Replica::start(&database).await, Replica::start(&database).await];
    let id = replicas[0].actor(&organization, Role::User).create_draft("Submitted at once").await.id;

    let calls = (0..16).map(|call| {
        let actor = replicas[call % 2].actor(&organization, Role::User);
        let message = SubmitRequest {
            id: id.clone(),
            if_match: None,
            if_none_match: None,
            idempotency: key("submit it"),
        };
        async move { actor.submit(message).await.unwrap() }
    });
    let replies = join_all(calls).await;

    assert_eq!(replies.iter().filter(|reply| !reply.replayed).count(), 1);
    assert_eq!(history(&database, &id).await.len(), 2, "created and submitted once");
}

#[tokio::test]
async fn a_response_is_replayed_after_a_restart_and_after_the_deletion_of_the_event() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replica = Replica::start(&database).await;
    let mut message = draft("Once and for all");
    message.idempotency = key("k");
    let first = replica.actor(&organization, Role::User).create(message.clone()).await.unwrap();
    let id = first.event.clone().unwrap().id;
    replica.stop().await;

    let replica = Replica::start(&database).await;
    let actor = replica.actor(&organization, Role::User);
    let delete = |name: &str| DeleteRequest {
        id: id.clone(),
        if_match: None,
        if_none_match: None,
        idempotency: key(name),
    };
    assert!(!actor.delete(delete("first key")).await.unwrap().replayed);
    assert!(actor.delete(delete("first key")).await.unwrap().replayed, "the key is looked up before 404");
    assert_eq!(actor.delete(delete("second key")).await.unwrap_err().code(), Code::NotFound);

    message.idempotency = key("k");
    let repeated = actor.create(message).await.unwrap();
    assert_eq!((repeated.event, repeated.replayed), (first.event, true));
    assert_eq!(count(&database, EVENTS).await, 0);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller_and_one_method() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (user, admin) = (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Admin));
    let with_key =
        |title: &str| eventboard_proto::events::CreateRequest { idempotency: key("shared"), ..draft(title) };

    let event = user.create(with_key("The first one")).await.unwrap().event.unwrap();
    let reused = user.create(with_key("Another one")).await.unwrap_err();
    assert_eq!(reused.code(), Code::InvalidArgument);
    assert!(reused.message().contains("Idempotency-Key"));
    assert!(!admin.create(with_key("The first one")).await.unwrap().replayed, "another caller");
    let submit =
        SubmitRequest { id: event.id, if_match: None, if_none_match: None, idempotency: key("shared") };
    assert!(!user.submit(submit).await.unwrap().replayed, "another method");
}

#[tokio::test]
async fn surrounding_spaces_do_not_change_the_fingerprint() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let user = replica.actor(&organization, Role::User);
    let with_key =
        |title: &str| eventboard_proto::events::CreateRequest { idempotency: key("k"), ..draft(title) };

    user.create(with_key("A title")).await.unwrap();

    assert!(user.create(with_key("  A title ")).await.unwrap().replayed);
}

#[tokio::test]
async fn the_key_of_a_refused_request_can_be_used_again() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (user, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let id = user.create_draft("Not submitted yet").await.id;
    let reject = || RejectRequest {
        id: id.clone(),
        reason: "Not good enough".into(),
        if_match: None,
        if_none_match: None,
        idempotency: key("decide"),
    };

    assert_eq!(moderator.reject(reject()).await.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(count(&database, r#"select count(*) from "IdempotencyKey" where key = 'decide'"#).await, 0);
    user.submit(SubmitRequest { id: id.clone(), ..Default::default() }).await.unwrap();
    assert!(!moderator.reject(reject()).await.unwrap().replayed);
}

#[tokio::test]
async fn an_expired_key_can_be_used_for_a_new_request() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let with_key =
        || eventboard_proto::events::CreateRequest { idempotency: key("k"), ..draft("Twice, a day apart") };
    let replica = Replica::start(&database).await;
    replica.actor(&organization, Role::User).create(with_key()).await.unwrap();
    database.expire_keys().await;

    // This is another replica, whose cache is empty.
    let replica = Replica::start(&database).await;
    assert!(!replica.actor(&organization, Role::User).create(with_key()).await.unwrap().replayed);
    assert_eq!(count(&database, EVENTS).await, 2);
}

#[tokio::test]
async fn an_internal_retry_gets_the_stored_response_and_is_not_a_replay() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let user = replica.actor(&organization, Role::User);
    for generated in [true, false] {
        let mut message = draft("Sent twice");
        let request_id = Uuid::now_v7().to_string();
        message.idempotency = Some(Idempotency { key: request_id.clone(), request_id, generated });
        let first = user.create(message.clone()).await.unwrap();
        assert_eq!(user.create(message).await.unwrap(), first);
        assert!(!first.replayed);
    }
    assert_eq!(count(&database, EVENTS).await, 2);
}

#[tokio::test]
async fn a_generated_key_expires_after_minutes_and_a_client_key_after_a_day() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let user = replica.actor(&organization, Role::User);
    user.create_draft("With a generated key").await;
    let mut message = draft("With a client key");
    message.idempotency = key("k");
    user.create(message).await.unwrap();

    let lifetimes =
        r#"select extract(epoch from "expiresAt" - "createdAt")::bigint from "IdempotencyKey" order by 1"#;
    let lifetimes: Vec<i64> =
        sqlx::query_scalar(lifetimes).fetch_all(&mut database.connect().await).await.unwrap();
    assert_eq!(lifetimes, [300, 86_400]);
}

#[tokio::test]
async fn expired_keys_are_removed_and_other_keys_stay() {
    let database = TestDatabase::create().await;
    let insert = r#"
        insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
        select gen_random_uuid(), 'Create', number::text, sha256('x'), gen_random_uuid(), '',
            now() + case when number = 0 then interval '1 day' else interval '-1 second' end
        from generate_series(0, 2500) number
    "#;
    sqlx::query(insert).execute(&mut database.connect().await).await.unwrap();

    let _replica = Replica::start(&database).await;
    while count(&database, r#"select count(*) from "IdempotencyKey""#).await > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    let left: Vec<String> = sqlx::query_scalar(r#"select key from "IdempotencyKey""#)
        .fetch_all(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(left, ["0"]);
}
