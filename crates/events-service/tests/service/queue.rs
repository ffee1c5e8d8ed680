//! Tests of the events that wait for approval.

use eventboard_domain::Role;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, Event, EventStatus, FindQueueRequest, GetQueueSummaryRequest,
    QueueSummaryReply, RejectRequest, SubmitRequest,
};
use eventboard_testing::TestDatabase;
use prost_types::Timestamp;
use sqlx::{AssertSqlSafe, Executor};
use tonic::Code;

use crate::support::{Actor, Organization, Replica, START, at, count, draft, execute};

fn page(limit: u32) -> FindQueueRequest {
    FindQueueRequest { limit, ..Default::default() }
}

async fn queue_of(actor: &Actor, mut request: FindQueueRequest) -> Vec<Event> {
    let mut found = Vec::new();
    loop {
        let reply = actor.find_queue(request.clone()).await.unwrap();
        found.extend(reply.events);
        let Some(cursor) = reply.next_cursor else { return found };
        request.cursor = cursor;
    }
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

async fn summary(actor: &Actor) -> QueueSummaryReply {
    actor.get_queue_summary(GetQueueSummaryRequest {}).await.unwrap()
}

/// Inserts waiting events that were submitted one minute after another.
async fn insert_waiting(database: &TestDatabase, organization: &Organization, events: u32) {
    let insert = format!(
        r#"
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", status,
            "createdAt", "updatedAt", "submittedAt")
        select gen_random_uuid(), '{}', '{}', 'Number ' || n, 'A description', now() + interval '1 day',
            now() + interval '2 days', 'SUBMITTED', at, at, at
        from generate_series(1, {events}) n, lateral (select timestamptz '2026-01-01' + n * interval '1 minute') submission (at)
        "#,
        organization.id, organization.other_user
    );
    database.connect().await.execute(AssertSqlSafe(insert)).await.unwrap();
}

#[tokio::test]
async fn the_longest_waiting_event_comes_first_and_a_decision_takes_it_out() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let (first, second) = (owner.create_submitted("First").await, moderator.create_submitted("Second").await);
    owner.create_draft("Not submitted").await;
    assert_eq!(queue_of(&moderator, page(1)).await, [first.clone(), second.clone()]);

    let reject = RejectRequest { id: first.id.clone(), reason: "Not this time".into(), ..Default::default() };
    let rejected = moderator.reject(reject).await.unwrap().event.unwrap();
    assert_eq!(rejected.submitted_at, first.submitted_at, "a decision keeps it");
    let again = owner.submit(SubmitRequest { id: first.id, ..Default::default() }).await.unwrap();
    let again = again.event.unwrap();
    assert_eq!(again.submitted_at, again.updated_at);
    assert_eq!(queue_of(&moderator, page(1)).await, [second.clone(), again.clone()]);

    moderator.approve(ApproveRequest { id: second.id, ..Default::default() }).await.unwrap();
    assert_eq!(queue_of(&moderator, page(10)).await, [again]);
}

#[tokio::test]
async fn an_event_has_no_time_of_submission_before_it_is_submitted() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let draft = owner.create_draft("A draft").await;
    assert_eq!(draft.submitted_at, None);

    let submit = SubmitRequest { id: draft.id.clone(), ..Default::default() };
    let submitted = owner.submit(submit).await.unwrap().event.unwrap();

    assert_eq!(submitted.submitted_at, submitted.updated_at);
    assert_eq!(owner.find(&draft.id).await.unwrap(), submitted);
}

#[tokio::test]
async fn only_moderators_and_admins_see_the_queue_of_their_organization() {
    let database = TestDatabase::create().await;
    let replica = Replica::start(&database).await;
    let (here, there) = (Organization::create(&database).await, Organization::create(&database).await);
    let user = replica.actor(&here, Role::User);
    let event = user.create_submitted("Waiting here").await;

    assert_eq!(user.find_queue(page(10)).await.unwrap_err().code(), Code::PermissionDenied);
    let refused = user.get_queue_summary(GetQueueSummaryRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for role in [Role::Moderator, Role::Admin] {
        let (ours, theirs) = (replica.actor(&here, role), replica.actor(&there, role));
        assert_eq!(queue_of(&ours, page(10)).await, std::slice::from_ref(&event));
        assert_eq!(summary(&ours).await.waiting, 1);
        assert_eq!(queue_of(&theirs, page(10)).await, []);
        let nothing = QueueSummaryReply { is_exact: true, ..Default::default() };
        assert_eq!(summary(&theirs).await, nothing);
    }
}

#[tokio::test]
async fn a_cursor_of_the_queue_is_valid_only_for_its_search_and_organization() {
    let database = TestDatabase::create().await;
    let replica = Replica::start(&database).await;
    let (here, there) = (Organization::create(&database).await, Organization::create(&database).await);
    insert_waiting(&database, &here, 25).await;
    let moderator = replica.actor(&here, Role::Moderator);
    let all = queue_of(&moderator, page(100)).await;
    assert_eq!(all.len(), 25);
    assert!(all.is_sorted_by_key(|event| event.submitted_at.unwrap().seconds));
    assert_eq!(queue_of(&moderator, page(7)).await, all);

    let cursor = moderator.find_queue(page(7)).await.unwrap().next_cursor.unwrap();
    let with_cursor = FindQueueRequest { cursor: cursor.clone(), ..page(7) };
    let other_search = FindQueueRequest { search: "number".into(), ..with_cursor.clone() };
    let forged = FindQueueRequest { cursor: "forged".into(), ..page(7) };
    let elsewhere = replica.actor(&there, Role::Moderator);
    for (actor, request) in [(&moderator, other_search), (&moderator, forged), (&elsewhere, with_cursor)] {
        assert_eq!(actor.find_queue(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    for limit in [0, 101] {
        assert_eq!(moderator.find_queue(page(limit)).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn the_queue_is_searched_as_lists_are() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let mut expected = Vec::new();
    for number in 0..5 {
        owner.create_submitted(&format!("Another {number}")).await;
        expected.push(owner.create_submitted(&format!("Straßenfest {number}")).await.id);
    }
    owner.create_draft("Straßenfest, a draft").await;

    let search = |text: &str| FindQueueRequest { search: text.into(), ..page(2) };
    assert_eq!(ids(&queue_of(&moderator, search(" STRASSEN ")).await), expected);
    assert_eq!(ids(&queue_of(&moderator, search("_")).await), <[&str; 0]>::default());
    assert_eq!(queue_of(&moderator, search(" ")).await.len(), 10);
}

#[tokio::test]
async fn the_summary_counts_exactly_up_to_a_thousand() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let moderator = replica.actor(&organization, Role::Moderator);
    for (waiting, is_exact) in [(1000, true), (1001, false)] {
        execute(&database, r#"delete from "Event" where "organizationId" = $1"#, organization.id).await;
        insert_waiting(&database, &organization, waiting).await;
        let oldest_submitted_at = Some(Timestamp { seconds: 1_767_225_660, nanos: 0 });
        let expected =
            QueueSummaryReply { waiting: 1000, is_exact, oldest_submitted_at, starting_within_week: 1000 };
        assert_eq!(summary(&moderator).await, expected);
    }
    assert_eq!(count(&database, r#"select count(*) from "Event""#).await, 1001);
}

#[tokio::test]
async fn the_summary_counts_what_starts_within_a_week_and_has_not_begun() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let now = chrono::Utc::now().timestamp();
    let (minute, day) = (60, 86_400);
    for start in
        [START - 1000 * day, now - minute, now + minute, now + 7 * day - minute, now + 7 * day + minute]
    {
        let request =
            CreateRequest { start_date: at(start), end_date: at(start + 3600), ..draft("Some event") };
        let event = owner.create(request).await.unwrap().event.unwrap();
        let submit = SubmitRequest { id: event.id, ..Default::default() };
        let submitted = owner.submit(submit).await.unwrap().event.unwrap();
        assert_eq!(submitted.status(), EventStatus::Submitted);
    }
    let summary = summary(&moderator).await;
    assert_eq!((summary.waiting, summary.is_exact, summary.starting_within_week), (5, true, 2));
}
