//! Tests of lists that no index serves as a whole: searches, and dates in another order than by date. What they return
//! must not depend on how it is found, so it is compared with an in-memory model.

use std::time::Duration;

use eventboard_domain::{EventStatus, Role, SortBy};
use eventboard_proto::events::{Event, FindAllReply, FindAllRequest, find_all_request::Position};
use eventboard_testing::TestDatabase;
use sqlx::Executor;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::support::{Actor, Organization, Replica, START, at};

/// An event of the model.
#[derive(Debug, Clone)]
struct Row {
    id: Uuid,
    owner: Uuid,
    title: String,
    description: String,
    status: EventStatus,
    /// In seconds since the Unix epoch, like `created_at`.
    start_date: i64,
    created_at: i64,
}

/// Inserts events as a service stores them.
async fn insert(database: &TestDatabase, organization: &Organization, rows: &[Row]) {
    let insert = r#"
        insert into "Event" (id, "organizationId", "createdById", title, description, status, "startDate", "endDate",
            "createdAt", "updatedAt", "rejectionReason", "foldedTitle", "searchText", "foldedVersion")
        select id, $1, owner, title, description, status::"EventStatus", to_timestamp(start), to_timestamp(start + 60),
            to_timestamp(created), to_timestamp(created), case status when 'REJECTED' then 'Not this one' end,
            lower(title), lower(title) || U&'\001F' || lower(description), 1
        from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int8[], $8::int8[])
            as row (id, owner, title, description, status, start, created)
    "#;
    let strings = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).to_owned()).collect::<Vec<_>>();
    let insert = sqlx::query(insert)
        .bind(organization.id)
        .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.owner).collect::<Vec<_>>())
        .bind(strings(|row| &row.title))
        .bind(strings(|row| &row.description))
        .bind(strings(|row| row.status.as_str()))
        .bind(rows.iter().map(|row| row.start_date).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>());
    insert.execute(&mut database.connect().await).await.unwrap();
}

/// A draft whose place is `number` in each order.
fn row(owner: &Actor, number: u32, description: &str) -> Row {
    Row {
        id: Uuid::from_u128(u128::from(number) + 1),
        owner: owner.identity.user_id,
        title: format!("Number {number:06}"),
        description: description.to_owned(),
        status: EventStatus::Draft,
        start_date: START + i64::from(number),
        created_at: START - 1_000_000 + i64::from(number),
    }
}

/// The rows of a list, in its order.
fn expected<'r>(rows: &'r [Row], caller: &Actor, request: &FindAllRequest) -> Vec<&'r Row> {
    let status = EventStatus::try_from(request.status()).ok();
    let search = request.search.to_lowercase();
    let is_visible = |row: &Row| {
        caller.identity.role != Role::User
            || row.owner == caller.identity.user_id
            || row.status == EventStatus::Approved
    };
    let is_wanted = |row: &Row| !request.mine || row.owner == caller.identity.user_id;
    let is_in_range = |row: &Row| {
        request.start_date_from.is_none_or(|from| row.start_date >= from.seconds)
            && request.start_date_to.is_none_or(|to| row.start_date <= to.seconds)
            && request.end_date_from.is_none_or(|from| row.start_date + 60 > from.seconds)
    };
    let contains =
        |row: &Row| [&row.title, &row.description].iter().any(|text| text.to_lowercase().contains(&search));
    let mut rows: Vec<_> = rows
        .iter()
        .filter(|row| is_visible(row) && is_wanted(row) && is_in_range(row) && contains(row))
        .filter(|row| status.is_none_or(|status| row.status == status))
        .collect();
    let sort_by = SortBy::try_from(request.sort_by()).unwrap();
    rows.sort_by(|one, other| {
        match sort_by {
            SortBy::StartDate => one.start_date.cmp(&other.start_date),
            SortBy::CreatedAt => one.created_at.cmp(&other.created_at),
            SortBy::Title => one.title.to_lowercase().cmp(&other.title.to_lowercase()),
            SortBy::Status => one.status.cmp(&other.status),
        }
        .then_with(|| one.id.cmp(&other.id))
    });
    if request.descending {
        rows.reverse();
    }
    rows
}

fn ids(events: &[Event]) -> Vec<Uuid> {
    events.iter().map(|event| Uuid::parse_str(&event.id).unwrap()).collect()
}

/// Reads the first pages, by cursor and by number, and a page at the end, and compares them with the model.
async fn check(rows: &[Row], caller: &Actor, request: &FindAllRequest) {
    let expected: Vec<_> = expected(rows, caller, request).into_iter().map(|row| row.id).collect();
    let limit = request.limit as usize;
    let mut position = None;
    for page in 0..3 {
        let by_cursor = caller.find_all(FindAllRequest { position, ..request.clone() }).await.unwrap();
        let number = FindAllRequest { position: Some(Position::Page(page as u64 + 1)), ..request.clone() };
        let by_number = caller.find_all(number).await.unwrap();
        let rest = expected.get(page * limit..).unwrap_or_default();
        for reply in [&by_cursor, &by_number] {
            let case = format!("page {page} of {request:?}: {} of {}", reply.total, expected.len());
            assert_eq!(ids(&reply.events), rest[..limit.min(rest.len())], "{case}");
            assert_eq!(reply.has_next, rest.len() > limit, "{case}");
            let total = reply.total as usize;
            assert!(
                if reply.total_is_exact { total == expected.len() } else { total <= expected.len() },
                "{case}"
            );
        }
        let Some(cursor) = by_cursor.next_cursor else { return };
        position = Some(Position::Cursor(cursor));
    }
    let last = expected.len().div_ceil(limit);
    let reply = FindAllRequest { position: Some(Position::Page(last as u64)), ..request.clone() };
    let reply = caller.find_all(reply).await.unwrap();
    assert_eq!(ids(&reply.events), expected[(last - 1) * limit..], "{request:?}");
    assert!(!reply.has_next && reply.total_is_exact, "{request:?}: {}", reply.total);
}

#[tokio::test]
async fn every_combination_of_filters_and_orders_matches_the_model() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, other) =
        (replica.actor(&organization, Role::User), replica.actor_as(organization.other_identity()));
    let moderator = replica.actor(&organization, Role::Moderator);
    // More than are looked at first. Some words are in all, some in the last ones, and the orders differ.
    let rows: Vec<_> = (0..1600_u32)
        .map(|number| {
            let words = match number {
                0..1500 if number % 3 == 0 => "ordinary words and a third",
                0..1500 => "ordinary words",
                _ => "ordinary words, a jewel and 会議",
            };
            let status = match number {
                0..1300 => EventStatus::Approved,
                1300..1400 => EventStatus::Rejected,
                1400..1500 => EventStatus::Submitted,
                _ => EventStatus::Draft,
            };
            Row {
                owner: if number % 5 == 0 { owner.identity.user_id } else { moderator.identity.user_id },
                title: format!("{} {}", ["alpha", "Beta", "GAMMA"][number as usize % 3], number % 50),
                status,
                start_date: START + i64::from(number % 400) * 60,
                ..row(&owner, number, words)
            }
        })
        .collect();
    insert(&database, &organization, &rows).await;

    let half = FindAllRequest { start_date_from: at(START + 200 * 60), ..Default::default() };
    let hour = FindAllRequest { start_date_to: at(START + 60 * 60), ..half.clone() };
    let moment = FindAllRequest { start_date_to: at(START + 201 * 60), ..half.clone() };
    let not_over = FindAllRequest { end_date_from: at(START + 300 * 60), ..Default::default() };
    let not_over_of_half = FindAllRequest { end_date_from: at(START + 300 * 60), ..half.clone() };
    let mine = FindAllRequest { mine: true, ..Default::default() };
    let mine_not_over = FindAllRequest { mine: true, ..not_over.clone() };
    let filters =
        [FindAllRequest::default(), half, hour, moment, not_over, not_over_of_half, mine, mine_not_over];
    for filter in filters {
        for search in
            ["", "ORDINARY", "third", "jewel", "w", "q", "a j", "会", "議", "gamma 4", "nowhere", "%"]
        {
            for (sort_by, status) in [
                (SortBy::StartDate, None),
                (SortBy::StartDate, Some(EventStatus::Draft)),
                (SortBy::CreatedAt, None),
                (SortBy::CreatedAt, Some(EventStatus::Submitted)),
                (SortBy::Title, None),
                (SortBy::Title, Some(EventStatus::Approved)),
                (SortBy::Status, None),
                (SortBy::Status, Some(EventStatus::Rejected)),
            ] {
                for (descending, caller) in
                    [(false, &owner), (true, &owner), (false, &other), (true, &moderator)]
                {
                    let request = FindAllRequest {
                        limit: 13,
                        sort_by: eventboard_proto::events::SortBy::from(sort_by).into(),
                        descending,
                        status: status
                            .map(|status| eventboard_proto::events::EventStatus::from(status).into())
                            .unwrap_or_default(),
                        search: search.to_owned(),
                        ..filter.clone()
                    };
                    check(&rows, caller, &request).await;
                }
            }
        }
    }
}

/// A search text for which only some events are affordable: 20 are looked at, 200 are sorted, 4,000 are scanned.
fn expensive() -> String {
    "a".repeat(200)
}

async fn search(actor: &Actor, search: &str) -> Result<FindAllReply, Status> {
    actor.find_all(FindAllRequest { limit: 10, search: search.to_owned(), ..Default::default() }).await
}

#[tokio::test]
async fn matches_that_are_too_many_to_sort_are_found_in_the_order() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let expensive = expensive();
    let rows: Vec<_> = (0..1300)
        .map(|number| row(&owner, number, if number < 1000 { "Without the letters" } else { &expensive }))
        .collect();
    insert(&database, &organization, &rows).await;

    let found = search(&owner, &expensive).await.unwrap();
    assert_eq!(ids(&found.events), rows[1000..1010].iter().map(|row| row.id).collect::<Vec<_>>());
    assert_eq!((found.total, found.total_is_exact, found.has_next), (201, false, true));
}

#[tokio::test]
async fn only_a_search_beyond_its_budget_is_refused() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let expensive = expensive();
    let rows: Vec<_> = (0..4400)
        .map(|number| row(&owner, number, if number < 4100 { "Without the letters" } else { &expensive }))
        .collect();
    insert(&database, &organization, &rows).await;

    let refused = search(&owner, &expensive).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("takes too long"), "{refused:?}");
    // An index shows that no event has it.
    assert_eq!(search(&owner, &"b".repeat(200)).await.unwrap().total, 0);
    let descending = FindAllRequest { search: expensive, descending: true, limit: 10, ..Default::default() };
    assert_eq!(owner.find_all(descending).await.unwrap().events.len(), 10);
    assert_eq!(search(&owner, "").await.unwrap().events.len(), 10);
}

#[tokio::test]
async fn searches_leave_connections_to_reads_of_single_events() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let id = owner.create_draft("Found by its id").await.id;
    let mut blocker = database.connect().await;
    // Every search waits for this lock until its time is over.
    blocker.execute(r#"begin; lock table "Event" in access exclusive mode"#).await.unwrap();

    let searches: Vec<_> = (0..40)
        .map(|_| {
            let owner = owner.clone();
            tokio::spawn(async move { search(&owner, "found").await })
        })
        .collect();
    let find = {
        let (owner, id) = (owner.clone(), id.clone());
        tokio::spawn(async move { owner.find(&id).await })
    };
    // A replica has ten connections.
    let mut observer = database.connect().await;
    while !searches.iter().all(|search| search.is_finished()) {
        let waiting = r#"select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like 'with looked %'"#;
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut observer).await.unwrap();
        assert!(waiting <= 5, "{waiting} searches have a connection");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for found in searches {
        let refused = found.await.unwrap().expect_err("a search passed the lock");
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    }
    blocker.execute("commit").await.unwrap();
    assert_eq!(find.await.unwrap().unwrap().id, id);
    assert_eq!(search(&owner, "found").await.unwrap().total, 1);
}

#[tokio::test]
async fn a_search_and_the_order_by_title_ignore_case_and_form_as_unicode_defines_them() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    for title in ["Κόσμος", "Straße", "STRASSE", "Cafe\u{301} au lait", "会議室"] {
        owner.create_draft(title).await;
    }
    for (text, expected) in [
        ("ΚΌΣΜΟΣ", 1),
        ("κόσμοσ", 1),
        ("strasse", 2),
        ("STRAẞE", 2),
        ("ß", 2),
        ("CAFÉ", 1),
        ("cafe\u{301}", 1),
        ("é ", 1),
        ("会", 1),
        ("議室", 1),
        ("室会", 0),
    ] {
        assert_eq!(search(&owner, text).await.unwrap().total, expected, "{text}");
    }
    let by_title = eventboard_proto::events::SortBy::from(SortBy::Title).into();
    let listed =
        owner.find_all(FindAllRequest { limit: 10, sort_by: by_title, ..Default::default() }).await.unwrap();
    let titles: Vec<_> = listed.events.iter().map(|event| event.title.as_str()).collect();
    assert_eq!(titles, ["Cafe\u{301} au lait", "Straße", "STRASSE", "Κόσμος", "会議室"]);
}
