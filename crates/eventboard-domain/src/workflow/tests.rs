use super::*;
use crate::{
    ByteLimit, EntityTags, EventPatch, Growth, ROW_BYTES,
    Role::{self, Moderator, User},
    StorageUsage, TokenSession, Violations,
};

const OWN: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const ORGANIZATION: Uuid = Uuid::from_u128(3);

fn instant(hours: i64) -> DateTime<Utc> {
    let instant = DateTime::from_timestamp_millis(1_800_000_000_000).expect("an instant");
    instant + chrono::TimeDelta::hours(hours)
}

fn event(status: EventStatus, owner: Uuid) -> Event {
    Event {
        id: Uuid::from_u128(9),
        organization_id: ORGANIZATION,
        created_by_id: owner,
        title: "A title".into(),
        description: "A description".into(),
        location: None,
        start_date: instant(0),
        end_date: instant(1),
        status,
        rejection_reason: (status == Rejected).then(|| "Too short a notice".into()),
        submitted_at: (status != Draft).then(|| instant(-1)),
        created_at: instant(0),
        updated_at: instant(0),
        version: 7,
    }
}

fn caller(role: Role) -> Identity {
    Identity { user_id: OWN, organization_id: ORGANIZATION, role, session: TokenSession::UNDATED }
}

fn refusal(role: Role, action: EventAction, preconditions: &Preconditions, event: &Event) -> Refusal {
    check_action(&caller(role), action, preconditions, event).expect_err("a refusal")
}

/// `If-Match` with an older version than that of [`event`].
fn stale() -> Preconditions {
    Preconditions { if_match: Some(EntityTags::Versions(vec![6])), if_none_match: None }
}

/// Returns the HTTP status of the API.
fn http_status(role: Role, action: EventAction, status: EventStatus, owner: Uuid) -> u16 {
    match check_action(&caller(role), action, &Preconditions::default(), &event(status, owner)) {
        Ok(()) => 200,
        Err(Refusal::EventNotFound) => 404,
        Err(Refusal::EventForbidden(_)) => 403,
        Err(Refusal::WrongStatus { .. }) => 409,
        Err(other) => panic!("{other:?}"),
    }
}

/// A new action must be added here: the match is exhaustive.
fn every_action() -> [EventAction; 5] {
    use EventAction::{Approve, Delete, Reject, Submit, Update};
    match Update {
        Update | Delete | Submit | Approve | Reject => [Update, Delete, Submit, Approve, Reject],
    }
}

/// One row for each role, ownership and action; one column for each status.
#[test]
fn the_http_status_depends_on_role_ownership_action_and_status() {
    use EventAction::{Approve, Delete, Reject, Submit, Update};
    let statuses = [Draft, Submitted, Approved, Rejected];
    #[rustfmt::skip]
    let table = [
        //                          DRAFT SUBM. APPR. REJ.
        (User,      OWN,   Update,  [200, 403, 403, 200]),
        (User,      OWN,   Delete,  [200, 403, 403, 200]),
        (User,      OWN,   Submit,  [200, 409, 409, 200]),
        (User,      OWN,   Approve, [403, 403, 403, 403]),
        (User,      OWN,   Reject,  [403, 403, 403, 403]),
        (User,      OTHER, Update,  [404, 404, 403, 404]),
        (User,      OTHER, Delete,  [404, 404, 403, 404]),
        (User,      OTHER, Submit,  [404, 404, 403, 404]),
        (User,      OTHER, Approve, [404, 404, 403, 404]),
        (User,      OTHER, Reject,  [404, 404, 403, 404]),
        (Moderator, OWN,   Update,  [200, 200, 200, 200]),
        (Moderator, OWN,   Delete,  [200, 403, 403, 200]),
        (Moderator, OWN,   Submit,  [200, 409, 409, 200]),
        (Moderator, OWN,   Approve, [409, 200, 409, 409]),
        (Moderator, OWN,   Reject,  [409, 200, 409, 409]),
        (Moderator, OTHER, Update,  [200, 200, 200, 200]),
        (Moderator, OTHER, Delete,  [403, 403, 403, 403]),
        (Moderator, OTHER, Submit,  [403, 403, 403, 403]),
        (Moderator, OTHER, Approve, [409, 200, 409, 409]),
        (Moderator, OTHER, Reject,  [409, 200, 409, 409]),
        (Admin,     OWN,   Update,  [200, 200, 200, 200]),
        (Admin,     OWN,   Delete,  [200, 200, 200, 200]),
        (Admin,     OWN,   Submit,  [200, 409, 409, 200]),
        (Admin,     OWN,   Approve, [409, 200, 409, 409]),
        (Admin,     OWN,   Reject,  [409, 200, 409, 409]),
        (Admin,     OTHER, Update,  [200, 200, 200, 200]),
        (Admin,     OTHER, Delete,  [200, 200, 200, 200]),
        (Admin,     OTHER, Submit,  [403, 403, 403, 403]),
        (Admin,     OTHER, Approve, [409, 200, 409, 409]),
        (Admin,     OTHER, Reject,  [409, 200, 409, 409]),
    ];
    for action in every_action() {
        let rows = table.iter().filter(|(_, _, row_action, _)| *row_action == action).count();
        assert_eq!(rows, Role::ALL.len() * 2, "{action:?} has no row for some role and ownership");
    }
    for (role, owner, action, expected) in table {
        let actual = statuses.map(|status| http_status(role, action, status, owner));
        assert_eq!(actual, expected, "{role} {action:?}, own: {}", owner == OWN);
    }
}

#[test]
fn an_event_of_another_organization_is_not_found_for_any_role() {
    let foreign = Event { organization_id: OTHER, ..event(Approved, OWN) };
    for role in Role::ALL {
        assert_eq!(
            refusal(*role, EventAction::Update, &Preconditions::default(), &foreign),
            Refusal::EventNotFound
        );
    }
}

#[test]
fn a_stale_version_is_refused_after_403_and_before_409() {
    let stale = &stale();
    let refusal = |role, action, status| refusal(role, action, stale, &event(status, OWN));
    assert_eq!(refusal(User, EventAction::Approve, Submitted), Refusal::EventForbidden(EventAction::Approve));
    assert_eq!(refusal(Moderator, EventAction::Approve, Approved), Refusal::StaleVersion);
}

#[test]
fn the_refusal_of_a_wrong_status_names_the_status() {
    let refusal = refusal(Admin, EventAction::Approve, &Preconditions::default(), &event(Draft, OWN));
    assert_eq!(refusal.message(), "The event is DRAFT; only a SUBMITTED event can be approved.");
}

fn effect(change: &EventChange, event: Event) -> Result<Effect, Refusal> {
    change.decide(&caller(Admin), &Preconditions::default(), event, instant(5))
}

#[test]
fn a_transition_sets_status_and_reason_in_the_next_version() {
    let reason = "No venue was named".to_owned();
    for (change, from, to, rejection_reason, history_action) in [
        (EventChange::Submit, Rejected, Submitted, None, HistoryAction::Submit),
        (EventChange::Approve, Submitted, Approved, None, HistoryAction::Approve),
        (
            EventChange::Reject { reason: reason.clone() },
            Submitted,
            Rejected,
            Some(reason),
            HistoryAction::Reject,
        ),
    ] {
        let before = event(from, OWN);
        let submitted_at = if to == Submitted { Some(instant(5)) } else { before.submitted_at };
        let updated_at = instant(5);
        let event =
            Event { status: to, rejection_reason, submitted_at, version: 8, updated_at, ..before.clone() };
        assert_eq!(effect(&change, before), Ok(Effect::StatusChanged { event, from, history_action }));
    }
}

#[test]
fn a_submission_records_its_time_and_a_decision_keeps_it() {
    let submitted_at = |change: &EventChange, from| {
        let effect = effect(change, event(from, OWN)).expect("the change is allowed");
        effect.event().and_then(|event| event.submitted_at)
    };
    for from in [Draft, Rejected] {
        assert_eq!(submitted_at(&EventChange::Submit, from), Some(instant(5)));
    }
    let reject = EventChange::Reject { reason: "No venue was named".into() };
    for change in [EventChange::Approve, reject] {
        assert_eq!(submitted_at(&change, Submitted), Some(instant(-1)));
    }
}

#[test]
fn an_update_that_changes_nothing_keeps_the_version() {
    let before = event(Draft, OWN);
    let set_title =
        |title: &str| EventChange::Update(EventPatch { title: Some(title.into()), ..EventPatch::default() });
    assert_eq!(effect(&set_title("A title"), before.clone()), Ok(Effect::Unchanged(before.clone())));
    let after = Event { title: "Another".into(), version: 8, updated_at: instant(5), ..before.clone() };
    assert_eq!(effect(&set_title("Another"), before), Ok(Effect::Updated(after)));
}

#[test]
fn the_order_of_dates_is_checked_on_the_effect() {
    let late = EventPatch { start_date: Some(instant(2)), ..EventPatch::default() };
    let change = EventChange::Update(late);
    let updated = effect(&change, event(Draft, OWN)).expect("the dates are checked after the quotas");
    assert_eq!(updated.check_dates(), Err(Violations::one("endDate", "must be after startDate")));
    let stale = &stale();
    let refused = change.decide(&caller(Admin), stale, event(Draft, OWN), instant(5));
    assert_eq!(refused, Err(Refusal::StaleVersion));
}

#[test]
fn no_event_is_left_after_a_deletion() {
    let before = event(Approved, OTHER);
    let deleted = effect(&EventChange::Delete, before.clone()).expect("an admin may delete any event");
    assert_eq!(deleted, Effect::Deleted(before));
    assert_eq!(deleted.event(), None);
}

#[test]
fn a_change_stores_its_texts_its_history_entry_and_its_response() {
    let set_title =
        |title: &str| EventChange::Update(EventPatch { title: Some(title.into()), ..EventPatch::default() });
    let reject = EventChange::Reject { reason: "Größe".into() };
    let (key, entry) = (ROW_BYTES + 10, ROW_BYTES);
    // The event has the title "A title" and a description of 13 bytes.
    for (change, from, events, bytes, byte_limit) in [
        (set_title("A title!"), Draft, 0, 1 + key, ByteLimit::Quota),
        (set_title("A titlo"), Draft, 0, key, ByteLimit::QuotaAndReserve),
        (set_title("Title"), Draft, 0, key - 2, ByteLimit::QuotaAndReserve),
        (set_title("A title"), Draft, 0, key, ByteLimit::QuotaAndReserve),
        (EventChange::Submit, Rejected, 0, entry + key, ByteLimit::Quota),
        (EventChange::Approve, Submitted, 0, entry + key, ByteLimit::None),
        (reject, Submitted, 0, 7 + entry + key, ByteLimit::None),
        (EventChange::Delete, Draft, -1, entry + key - 20, ByteLimit::None),
    ] {
        let before = event(from, OWN);
        let growth = effect(&change, before.clone()).expect("allowed").growth(before.usage(), b"0123456789");
        assert_eq!(growth, Growth { usage: StorageUsage { events, bytes }, byte_limit }, "{change:?}");
    }
}
