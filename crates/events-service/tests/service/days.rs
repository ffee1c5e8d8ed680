//! Tests of what starts on each of several days.

use eventboard_domain::Role;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, Day, Event, EventStatus, FindDaysRequest, RejectRequest, SubmitRequest,
};
use eventboard_testing::TestDatabase;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{Actor, Organization, Replica, START, at, draft, execute};

const DAY: i64 = 86_400;

const STATUSES: [EventStatus; 4] =
    [EventStatus::Draft, EventStatus::Submitted, EventStatus::Approved, EventStatus::Rejected];

/// The days from `START` on.
fn days(count: i64) -> FindDaysRequest {
    let bounds = (0..=count).filter_map(|day| at(START + day * DAY)).collect();
    FindDaysRequest { bounds, per_day: 10, ..Default::default() }
}

async fn create(owner: &Actor, moderator: &Actor, start: i64, status: EventStatus) -> Event {
    let request = CreateRequest { start_date: at(start), end_date: at(start + 60), ..draft("Some event") };
    let id = owner.create(request).await.unwrap().event.unwrap().id;
    if status != EventStatus::Draft {
        owner.submit(SubmitRequest { id: id.clone(), ..Default::default() }).await.unwrap();
    }
    match status {
        EventStatus::Approved => {
            moderator.approve(ApproveRequest { id: id.clone(), ..Default::default() }).await.unwrap();
        }
        EventStatus::Rejected => {
            let reason = "Not this time".to_owned();
            moderator.reject(RejectRequest { id: id.clone(), reason, ..Default::default() }).await.unwrap();
        }
        EventStatus::Unspecified | EventStatus::Draft | EventStatus::Submitted => {}
    }
    owner.find(&id).await.unwrap()
}

async fn found(actor: &Actor, request: FindDaysRequest) -> Vec<Day> {
    actor.find_days(request).await.unwrap().days
}

#[tokio::test]
async fn each_event_is_on_the_day_in_which_it_starts() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::Moderator);
    let mut events = Vec::new();
    for start in [-1, 0, DAY - 1, 2 * DAY, 3 * DAY - 1, 3 * DAY] {
        events.push(create(&owner, &owner, START + start, EventStatus::Draft).await);
    }
    let [_, at_first, before_second, at_third, before_end, _] = <[Event; 6]>::try_from(events).unwrap();

    let day = |events: Vec<Event>| {
        let total = u32::try_from(events.len()).unwrap();
        Day { events, total, total_is_exact: true }
    };
    assert_eq!(
        found(&owner, days(3)).await,
        [day(vec![at_first, before_second]), day(vec![]), day(vec![at_third, before_end])]
    );
}

#[tokio::test]
async fn everybody_sees_the_same_events_as_in_lists() {
    let database = TestDatabase::create().await;
    let replica = Replica::start(&database).await;
    let (organization, elsewhere) =
        (Organization::create(&database).await, Organization::create(&database).await);
    let actors = [Role::User, Role::Moderator, Role::Admin].map(|role| replica.actor(&organization, role));
    let moderator = &actors[1];
    let (other, stranger) =
        (replica.actor_as(organization.other_identity()), replica.actor(&elsewhere, Role::Moderator));
    let mut events = Vec::new();
    for owner in [&actors[0], moderator, &other] {
        for status in STATUSES {
            events.push(create(owner, moderator, START + 60, status).await);
        }
    }
    create(&stranger, &stranger, START + 60, EventStatus::Approved).await;

    for actor in actors.iter().chain([&other]) {
        for mine in [false, true] {
            for status in [EventStatus::Unspecified].into_iter().chain(STATUSES) {
                let is_own = |event: &Event| event.created_by_id == actor.identity.user_id.to_string();
                let sees = |event: &Event| {
                    is_own(event)
                        || !mine
                            && (actor.identity.role != Role::User || event.status() == EventStatus::Approved)
                };
                let mut expected: Vec<_> = events
                    .iter()
                    .filter(|event| sees(event))
                    .filter(|event| status == EventStatus::Unspecified || event.status() == status)
                    .cloned()
                    .collect();
                expected.sort_by(|one, other| one.id.cmp(&other.id));
                let total = u32::try_from(expected.len()).unwrap();
                expected.truncate(10);

                let request = FindDaysRequest { status: status.into(), mine, ..days(1) };
                let expected = Day { events: expected, total, total_is_exact: true };
                let case = format!("{} {status:?}, mine: {mine}", actor.identity.role);
                assert_eq!(found(actor, request).await, [expected], "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_day_has_its_first_events_and_counts_a_hundred() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let moderator = replica.actor(&organization, Role::Moderator);
    let insert = r#"
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", status,
            "createdAt", "updatedAt")
        select gen_random_uuid(), $1, (select id from "User" where "organizationId" = $1 and role = 'MODERATOR'),
            'Day ' || day, 'A description', at, at + interval '1 hour',
            (array['DRAFT', 'SUBMITTED', 'APPROVED']::"EventStatus"[])[n % 3 + 1], at, at
        from generate_series(0, 2) day, generate_series(1, 99 + day) n,
            lateral (select to_timestamp(1781514000) + day * interval '1 day' + n * interval '1 minute') start (at)
    "#;
    execute(&database, insert, organization.id).await;

    for mine in [false, true] {
        let days = found(&moderator, FindDaysRequest { per_day: 4, mine, ..days(3) }).await;
        let counts: Vec<_> = days.iter().map(|day| (day.total, day.total_is_exact)).collect();
        assert_eq!(counts, [(99, true), (100, true), (100, false)]);
        for (number, day) in (0..).zip(&days) {
            let starts: Vec<_> = day
                .events
                .iter()
                .map(|event| event.start_date.unwrap().seconds - START - number * DAY)
                .collect();
            assert_eq!(starts, [60, 120, 180, 240]);
        }
    }
}

#[tokio::test]
async fn days_are_asked_for_by_2_to_43_times_in_ascending_order() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let user = replica.actor(&organization, Role::User);
    let (one, two) = (at(START).unwrap(), at(START + 1).unwrap());
    let valid = days(1);
    for (request, field) in [
        (FindDaysRequest { bounds: vec![one], ..valid.clone() }, "bounds"),
        (days(43), "bounds"),
        (FindDaysRequest { bounds: vec![one, one], ..valid.clone() }, "bounds"),
        (FindDaysRequest { bounds: vec![two, one], ..valid.clone() }, "bounds"),
        (FindDaysRequest { per_day: 0, ..valid.clone() }, "perDay"),
        (FindDaysRequest { per_day: 11, ..valid.clone() }, "perDay"),
        (FindDaysRequest { status: 9, ..valid.clone() }, "status"),
    ] {
        let refused = user.find_days(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.get_error_details().bad_request().unwrap().field_violations[0].field, field);
    }
    assert_eq!(found(&user, days(42)).await.len(), 42);
    let milliseconds = vec![one, prost_types::Timestamp { nanos: 1_000_000, ..one }];
    assert_eq!(found(&user, FindDaysRequest { bounds: milliseconds, ..valid }).await.len(), 1);
}
