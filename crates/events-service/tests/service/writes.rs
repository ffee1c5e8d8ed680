//! Tests of creating, changing and moderating events.

use eventboard_domain::Role;
use eventboard_proto::{
    events::{
        ApproveRequest, CreateRequest, DeleteRequest, EventStatus, LocationChange, RejectRequest,
        SubmitRequest, UpdateRequest,
    },
    writes::EntityTags,
};
use eventboard_testing::TestDatabase;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{ANY, Organization, Replica, START, at, count, draft, history, key, versions};

fn invalid_fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
    violations.map(|violation| violation.field.clone()).collect()
}

#[tokio::test]
async fn an_event_passes_through_all_statuses_and_its_history_remains_after_its_deletion() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, admin) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Admin));

    let event = owner.create_draft("A grand opening").await;
    assert_eq!((event.status(), event.version), (EventStatus::Draft, 1));
    let id = event.id;
    let submit = SubmitRequest { id: id.clone(), ..Default::default() };
    owner.submit(submit.clone()).await.unwrap();
    let reject = RejectRequest { id: id.clone(), reason: "Too short a notice".into(), ..Default::default() };
    let rejected = admin.reject(reject).await.unwrap().event.unwrap();
    assert_eq!(
        (rejected.status(), rejected.rejection_reason()),
        (EventStatus::Rejected, "Too short a notice")
    );
    let submitted = owner.submit(submit).await.unwrap().event.unwrap();
    assert_eq!((submitted.status(), submitted.rejection_reason), (EventStatus::Submitted, None));
    let approved = admin.approve(ApproveRequest { id: id.clone(), ..Default::default() }).await.unwrap();
    assert_eq!(approved.event.unwrap().version, 5);
    admin.delete(DeleteRequest { id: id.clone(), ..Default::default() }).await.unwrap();

    let some = |text: &str| Some(text.to_owned());
    assert_eq!(owner.find(&id).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        history(&database, &id).await,
        [
            ("CREATE".into(), None, some("DRAFT"), None),
            ("SUBMIT".into(), some("DRAFT"), some("SUBMITTED"), None),
            ("REJECT".into(), some("SUBMITTED"), some("REJECTED"), some("Too short a notice")),
            ("SUBMIT".into(), some("REJECTED"), some("SUBMITTED"), None),
            ("APPROVE".into(), some("SUBMITTED"), some("APPROVED"), None),
            ("DELETE".into(), some("APPROVED"), None, None),
        ]
    );
}

#[tokio::test]
async fn of_a_concurrent_approval_and_rejection_exactly_one_succeeds() {
    let database = TestDatabase::create().await;
    let organization = Organization::create(&database).await;
    let replicas = (Replica::start(&database).await, Replica::start(&database).await);
    let owner = replicas.0.actor(&organization, Role::User);
    let (one, other) =
        (replicas.0.actor(&organization, Role::Moderator), replicas.1.actor(&organization, Role::Admin));

    for round in 0..20 {
        let id = owner.create_submitted(&format!("Contested event {round}")).await.id;
        let (approved, rejected) = tokio::join!(
            one.approve(ApproveRequest { id: id.clone(), ..Default::default() }),
            other.reject(RejectRequest {
                id: id.clone(),
                reason: "Not in this venue".into(),
                ..Default::default()
            }),
        );
        let outcomes = [approved.map(|_| "APPROVE"), rejected.map(|_| "REJECT")];
        let succeeded: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        let refused: Vec<_> =
            outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).map(Status::code).collect();
        assert_eq!((succeeded.len(), refused), (1, vec![Code::FailedPrecondition]), "{outcomes:?}");
        assert_eq!(history(&database, &id).await.last().unwrap().0, **succeeded[0]);
    }
}

#[tokio::test]
async fn a_patch_changes_only_the_given_fields() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let event = owner.create_draft("Before the change").await;

    let empty_patch = UpdateRequest { id: event.id.clone(), ..Default::default() };
    assert_eq!(owner.update(empty_patch.clone()).await.unwrap().event.unwrap(), event);

    let patch = UpdateRequest {
        title: Some("  After the change ".into()),
        location: Some(LocationChange { value: None }),
        ..empty_patch
    };
    let changed = owner.update(patch).await.unwrap().event.unwrap();
    assert_eq!(
        (changed.title.as_str(), changed.location.as_deref(), changed.version),
        ("After the change", None, 2)
    );
    assert_eq!(changed.description, event.description);
    assert_eq!(owner.find(&event.id).await.unwrap(), changed);
}

#[tokio::test]
async fn dates_are_checked_on_the_merged_event() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let id = owner.create_draft("An event of an hour").await.id;

    let late = UpdateRequest { id, start_date: at(START + 7200), ..Default::default() };
    let refused = owner.update(late).await.unwrap_err();

    assert_eq!((refused.code(), invalid_fields(&refused)), (Code::InvalidArgument, vec!["endDate".into()]));
}

#[tokio::test]
async fn a_write_with_a_stale_version_is_refused_and_changes_nothing() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let event = owner.create_draft("Versioned event").await;

    let with = |expected: &[i64]| SubmitRequest {
        id: event.id.clone(),
        if_match: versions(expected),
        ..Default::default()
    };
    assert_eq!(owner.submit(with(&[7])).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(owner.submit(with(&[])).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(owner.find(&event.id).await.unwrap(), event);
    assert!(owner.submit(with(&[7, 1])).await.is_ok());
}

#[tokio::test]
async fn a_write_is_refused_if_a_condition_excludes_the_current_version() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let event = owner.create_draft("Versioned event").await;

    let unless = |excluded: Option<EntityTags>| SubmitRequest {
        id: event.id.clone(),
        if_none_match: excluded,
        ..Default::default()
    };
    for excluded in [versions(&[7, 1]), ANY] {
        assert_eq!(owner.submit(unless(excluded)).await.unwrap_err().code(), Code::Aborted);
    }
    assert_eq!(owner.find(&event.id).await.unwrap(), event);
    let both = SubmitRequest { if_match: versions(&[1]), ..unless(versions(&[7])) };
    assert!(owner.submit(both).await.is_ok());
}

#[tokio::test]
async fn a_creation_whose_conditions_exclude_the_list_is_refused_unless_its_key_was_used() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let user = replica.actor(&organization, Role::User);
    let if_match = |tags| CreateRequest { if_match: tags, ..draft("With a condition") };
    let unless = |tags| CreateRequest { if_none_match: tags, ..draft("With a condition") };

    for refused in [if_match(versions(&[1])), unless(ANY)] {
        let refused = CreateRequest { idempotency: key("refused"), ..refused };
        assert_eq!(user.create(refused).await.unwrap_err().code(), Code::Aborted);
    }
    assert_eq!(count(&database, r#"select count(*) from "Event""#).await, 0);
    assert_eq!(count(&database, r#"select count(*) from "IdempotencyKey""#).await, 0);
    for performed in [if_match(ANY), unless(versions(&[1]))] {
        assert!(user.create(performed).await.is_ok());
    }
    // The conditions belong to the fingerprint.
    let performed = || CreateRequest { idempotency: key("performed"), ..if_match(ANY) };
    assert!(!user.create(performed()).await.unwrap().replayed);
    assert!(user.create(performed()).await.unwrap().replayed);
    let reused = CreateRequest { idempotency: key("performed"), ..unless(ANY) };
    assert_eq!(user.create(reused).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn all_violations_of_an_input_are_reported_together() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let bad = CreateRequest { title: "ab".into(), description: "short".into(), ..Default::default() };

    let refused = replica.actor(&organization, Role::User).create(bad).await.unwrap_err();

    assert_eq!(invalid_fields(&refused), ["title", "description", "startDate", "endDate"]);
    assert_eq!(count(&database, r#"select count(*) from "Event""#).await, 0);
}

#[tokio::test]
async fn a_create_by_a_deleted_user_is_unauthenticated() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    sqlx::query(r#"delete from "User" where id = $1"#)
        .bind(owner.identity.user_id)
        .execute(&mut database.connect().await)
        .await
        .unwrap();

    assert_eq!(owner.create(draft("An orphan")).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn history_entries_cannot_be_changed_or_deleted() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    replica.actor(&organization, Role::User).create_draft("Remembered").await;

    for statement in [
        r#"delete from "EventHistory""#,
        r#"update "EventHistory" set reason = ''"#,
        r#"truncate "EventHistory""#,
    ] {
        let error = sqlx::query(statement).execute(&mut database.connect().await).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}
