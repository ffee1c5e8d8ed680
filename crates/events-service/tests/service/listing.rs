//! Tests that compare lists with an in-memory model.

use std::cmp::Ordering;

use eventboard_domain::Role;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, Event, EventStatus, FindAllReply, FindAllRequest, SortBy,
    find_all_request::Position,
};
use eventboard_testing::TestDatabase;
use sqlx::PgConnection;
use tonic::Code;

use crate::support::{Actor, Organization, Replica, START, at, draft};

const SORT_KEYS: [SortBy; 4] = [SortBy::StartDate, SortBy::CreatedAt, SortBy::Title, SortBy::Status];

fn all() -> FindAllRequest {
    FindAllRequest { limit: 100, ..Default::default() }
}

fn compare(sort_by: SortBy, one: &Event, other: &Event) -> Ordering {
    let seconds = |timestamp: &Option<prost_types::Timestamp>| timestamp.map(|at| (at.seconds, at.nanos));
    let by_key = match sort_by {
        SortBy::StartDate => seconds(&one.start_date).cmp(&seconds(&other.start_date)),
        SortBy::CreatedAt => seconds(&one.created_at).cmp(&seconds(&other.created_at)),
        SortBy::Title => one.title.to_lowercase().cmp(&other.title.to_lowercase()),
        SortBy::Status => one.status.cmp(&other.status),
    };
    by_key.then_with(|| one.id.cmp(&other.id))
}

/// Thirteen events with repeated dates, titles in mixed case, and three statuses.
async fn populate(owner: &Actor, moderator: &Actor) -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..13i64 {
        let title = ["alpha", "Beta", "ALPHA", "gamma 100%", "Ärger"][usize::try_from(number).unwrap() % 5];
        let start = START + (number % 4) * 86_400;
        let message = CreateRequest { start_date: at(start), end_date: at(start + 60), ..draft(title) };
        let id = owner.create(message).await.unwrap().event.unwrap().id;
        if number % 3 > 0 {
            owner
                .submit(eventboard_proto::events::SubmitRequest { id: id.clone(), ..Default::default() })
                .await
                .unwrap();
        }
        if number % 3 > 1 {
            moderator.approve(ApproveRequest { id: id.clone(), ..Default::default() }).await.unwrap();
        }
        events.push(owner.find(&id).await.unwrap());
    }
    events
}

fn titles(events: &[Event]) -> Vec<(&str, EventStatus)> {
    events.iter().map(|event| (event.title.as_str(), event.status())).collect()
}

async fn collect_by_cursor(actor: &Actor, mut request: FindAllRequest) -> Vec<Event> {
    let mut found = Vec::new();
    loop {
        let reply = actor.find_all(request.clone()).await.unwrap();
        found.extend(reply.events);
        assert_eq!(reply.has_next, reply.next_cursor.is_some());
        let Some(cursor) = reply.next_cursor else { return found };
        request.position = Some(Position::Cursor(cursor));
    }
}

async fn collect_by_page(actor: &Actor, mut request: FindAllRequest) -> Vec<Event> {
    let mut found = Vec::new();
    for page in 1.. {
        request.position = Some(Position::Page(page));
        let reply = actor.find_all(request.clone()).await.unwrap();
        found.extend(reply.events);
        if !reply.has_next {
            return found;
        }
    }
    found
}

#[tokio::test]
async fn every_sort_order_matches_the_model_by_page_and_by_cursor() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let mut model = populate(&owner, &moderator).await;

    for sort_by in SORT_KEYS {
        for descending in [false, true] {
            model.sort_by(|one, other| compare(sort_by, one, other));
            if descending {
                model.reverse();
            }
            let request =
                FindAllRequest { limit: 4, sort_by: sort_by.into(), descending, ..Default::default() };
            for actor in [&owner, &moderator] {
                for found in [
                    collect_by_cursor(actor, request.clone()).await,
                    collect_by_page(actor, request.clone()).await,
                ] {
                    assert!(found == model, "{sort_by:?}, descending: {descending}: {:?}", titles(&found));
                }
            }
        }
    }
}

#[tokio::test]
async fn every_filter_matches_the_model() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let other = replica.actor_as(organization.other_identity());
    let model = populate(&owner, &moderator).await;
    let expected_total =
        |test: &dyn Fn(&&Event) -> bool| u32::try_from(model.iter().filter(test).count()).unwrap();
    let total = async |actor: &Actor, request| actor.find_all(request).await.unwrap().total;

    for status in [EventStatus::Draft, EventStatus::Submitted, EventStatus::Approved, EventStatus::Rejected] {
        let request = FindAllRequest { status: status.into(), ..all() };
        assert_eq!(total(&moderator, request).await, expected_total(&|event| event.status() == status));
    }
    assert_eq!(total(&other, all()).await, expected_total(&|event| event.status() == EventStatus::Approved));
    let in_range = FindAllRequest {
        start_date_from: at(START + 86_400),
        start_date_to: at(START + 2 * 86_400),
        ..all()
    };
    let is_in_range =
        |event: &&Event| (START + 86_400..=START + 2 * 86_400).contains(&event.start_date.unwrap().seconds);
    assert_eq!(total(&moderator, in_range).await, expected_total(&is_in_range), "both ends are included");
    for (search, expected) in [
        ("ALPHA", 6),
        ("lph", 6),
        ("äRGER", 2),
        ("100%", 2),
        ("%", 2),
        ("_", 0),
        ("\\", 0),
        ("LONG enough", 13),
        ("  ", 13),
    ] {
        let request = FindAllRequest { search: search.into(), ..all() };
        assert_eq!(total(&moderator, request).await, expected, "{search:?}");
    }
}

#[tokio::test]
async fn a_page_past_the_end_is_empty_and_has_the_total() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    owner.create_draft("The only one").await;

    let past = FindAllRequest { position: Some(Position::Page(7)), ..all() };
    let reply = owner.find_all(past).await.unwrap();

    assert_eq!((reply.events.len(), reply.total, reply.total_is_exact, reply.has_next), (0, 1, true, false));
}

/// Inserts events of this owner faster than the service could.
async fn insert_events(connection: &mut PgConnection, owner: &Actor, rows: i32) {
    sqlx::query(
        r#"insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", "createdAt", "updatedAt")
           select gen_random_uuid(), $1, $2, 'Event', 'One of very many', now(), now() + interval '1 hour', now(), now()
           from generate_series(1, $3)"#,
    )
    .bind(owner.identity.organization_id)
    .bind(owner.identity.user_id)
    .bind(rows)
    .execute(connection)
    .await
    .unwrap();
}

#[tokio::test]
async fn totals_are_exact_up_to_10_000_and_page_numbers_reach_row_100_000() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut connection = database.connect().await;

    insert_events(&mut connection, &owner, 10_000).await;
    let reply = owner.find_all(all()).await.unwrap();
    assert_eq!((reply.total, reply.total_is_exact), (10_000, true));
    insert_events(&mut connection, &owner, 1).await;
    let reply = owner.find_all(all()).await.unwrap();
    assert_eq!((reply.total, reply.total_is_exact, reply.has_next), (10_000, false, true));

    // From here on, the total is cached as capped. This only makes the query faster.
    insert_events(&mut connection, &owner, 1_000).await;
    let counted = owner.find_all(all()).await.unwrap();
    assert_eq!((counted.total, counted.total_is_exact, counted.has_next), (10_000, false, true));
    assert_eq!(owner.find_all(all()).await.unwrap(), counted);
    let without_match = FindAllRequest { search: "nowhere".to_owned(), ..all() };
    assert_eq!(owner.find_all(without_match).await.unwrap().total, 0);

    let page = |page| FindAllRequest { position: Some(Position::Page(page)), ..all() };
    assert!(owner.find_all(page(1000)).await.is_ok());
    let refused = owner.find_all(page(1001)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(owner.find_all(page(u64::MAX)).await.unwrap_err().code(), Code::InvalidArgument);
}

/// Asserts that what a reply says about the length of its list fits its page.
fn assert_consistent(request: &FindAllRequest, reply: &FindAllReply) {
    let rows = u32::try_from(reply.events.len()).unwrap();
    let before = match request.position {
        Some(Position::Page(page)) => u32::try_from(page - 1).unwrap() * request.limit,
        None => 0,
        Some(Position::Cursor(_)) => return assert!(reply.total >= rows, "{reply:?}"),
    };
    let end = before + rows;
    if !reply.total_is_exact && request.search.is_empty() {
        assert!(reply.total == 10_000 && (reply.has_next || end > 10_000), "{request:?}: {reply:?}");
    } else if !reply.total_is_exact {
        assert!(reply.total >= end && reply.has_next, "{request:?}: {reply:?}");
    } else if rows > 0 {
        assert!(reply.total >= end && reply.has_next == (reply.total > end), "{request:?}: {reply:?}");
    } else {
        assert!(reply.total <= before && !reply.has_next, "{request:?}: {reply:?}");
    }
}

#[tokio::test]
async fn a_cached_total_never_contradicts_a_page() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut connection = database.connect().await;
    let mut fill = async |rows: i32| {
        sqlx::query(r#"delete from "Event" where "organizationId" = $1"#)
            .bind(organization.id)
            .execute(&mut connection)
            .await
            .unwrap();
        insert_events(&mut connection, &owner, rows).await;
    };
    let page = |page| FindAllRequest { position: Some(Position::Page(page)), ..all() };
    let filtered = |request: FindAllRequest| FindAllRequest { search: "very many".into(), ..request };
    let reply = async |request: FindAllRequest| {
        let reply = owner.find_all(request.clone()).await.unwrap();
        assert_consistent(&request, &reply);
        (reply.events.len(), reply.total, reply.total_is_exact)
    };

    // Each request is the first one after its list has become shorter.
    for (request, expected) in [
        (all(), (5, 5, true)),
        (page(1), (5, 5, true)),
        (page(2), (0, 5, true)),
        (page(100), (0, 5, true)),
        (page(1000), (0, 5, true)),
        (FindAllRequest { sort_by: SortBy::Title.into(), descending: true, ..all() }, (5, 5, true)),
        (filtered(all()), (5, 5, true)),
        (filtered(page(3)), (0, 5, true)),
        (FindAllRequest { status: EventStatus::Draft.into(), ..all() }, (5, 5, true)),
    ] {
        let first = FindAllRequest { position: None, ..request.clone() };
        fill(11_000).await;
        // A search counts only the events that it looks at.
        let total = if first.search.is_empty() { 10_000 } else { 1_024 };
        assert_eq!(reply(first.clone()).await, (100, total, false));
        fill(5).await;
        assert_eq!(reply(request).await, expected);
        assert_eq!(reply(first).await, (5, 5, true), "what was cached is forgotten");
    }

    // The same with the last page after a cursor, and with a list that has become empty.
    for (rows, expected) in [(5, (5, 5, true)), (0, (0, 0, true))] {
        fill(11_000).await;
        let cursor = owner.find_all(all()).await.unwrap().next_cursor.unwrap();
        fill(rows).await;
        let after = FindAllRequest { position: Some(Position::Cursor(cursor)), ..all() };
        let last = owner.find_all(after).await.unwrap();
        assert_eq!((last.total, last.total_is_exact, last.has_next), (expected.1, true, false));
        assert_eq!(reply(all()).await, expected);
    }

    // A list that is still long, but not as long as it was.
    fill(11_000).await;
    reply(all()).await;
    fill(9_950).await;
    assert_eq!(reply(page(100)).await, (50, 9_950, true));
    assert_eq!(reply(all()).await, (100, 9_950, true));
    fill(11_000).await;
    reply(all()).await;
    fill(10_050).await;
    assert_eq!(reply(page(101)).await, (50, 10_000, false));
    assert_eq!(reply(page(102)).await, (0, 10_000, false));
}

#[tokio::test]
async fn everybody_lists_their_own_events_whatever_else_they_see() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let events = populate(&owner, &moderator).await;
    let of_moderator = moderator.create_draft("Of the moderator").await;
    let of_other = replica.actor_as(organization.other_identity());

    let mine = FindAllRequest { mine: true, sort_by: SortBy::CreatedAt.into(), ..all() };
    let listed = async |actor: &Actor, request: &FindAllRequest| {
        let reply = actor.find_all(request.clone()).await.unwrap();
        assert_consistent(request, &reply);
        reply.events
    };
    assert_eq!(listed(&owner, &mine).await, events);
    assert_eq!(listed(&moderator, &mine).await, [of_moderator]);
    assert_eq!(listed(&of_other, &mine).await, []);
    for status in [EventStatus::Draft, EventStatus::Submitted, EventStatus::Approved, EventStatus::Rejected] {
        let expected: Vec<_> = events.iter().filter(|event| event.status() == status).cloned().collect();
        assert_eq!(listed(&owner, &FindAllRequest { status: status.into(), ..mine.clone() }).await, expected);
    }
    for request in [mine.clone(), FindAllRequest { limit: 4, descending: true, ..mine }] {
        assert_eq!(collect_by_cursor(&owner, request.clone()).await, collect_by_page(&owner, request).await);
    }
}

#[tokio::test]
async fn a_list_of_what_is_not_over_has_no_event_that_ends_at_that_time() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let long = CreateRequest { end_date: at(START + 7200), ..draft("Two hours") };
    let long = owner.create(long).await.unwrap().event.unwrap();
    let short = owner.create_draft("One hour").await;

    let ending_after = async |seconds| {
        let request =
            FindAllRequest { end_date_from: at(seconds), sort_by: SortBy::CreatedAt.into(), ..all() };
        owner.find_all(request).await.unwrap().events
    };
    assert_eq!(ending_after(START + 3599).await, [long.clone(), short]);
    assert_eq!(ending_after(START + 3600).await, [long]);
    assert_eq!(ending_after(START + 7200).await, []);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_rejected() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    owner.create_draft("One").await;
    owner.create_draft("Two").await;
    let first = FindAllRequest { limit: 1, ..Default::default() };
    let cursor = owner.find_all(first.clone()).await.unwrap().next_cursor.unwrap();

    let with = |request: FindAllRequest| FindAllRequest {
        position: Some(Position::Cursor(cursor.clone())),
        ..request
    };
    assert_eq!(owner.find_all(with(first.clone())).await.unwrap().events.len(), 1);
    for other in [
        FindAllRequest { descending: true, ..first.clone() },
        FindAllRequest { mine: true, ..first.clone() },
        FindAllRequest { end_date_from: at(START), ..first.clone() },
    ] {
        assert_eq!(owner.find_all(with(other)).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let forged = FindAllRequest { position: Some(Position::Cursor("forged".into())), ..first };
    assert_eq!(owner.find_all(forged).await.unwrap_err().code(), Code::InvalidArgument);
}
