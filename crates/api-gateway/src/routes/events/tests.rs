//! Tests of the request bodies of `/events`.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::extract::testing::{body, patch_body, violations};

fn valid_event() -> Value {
    json!({
        "title": " Annual Tech Conference ",
        "description": "Two days of talks.",
        "location": null,
        "startDate": "2026-06-15T09:00:00Z",
        "endDate": "2026-06-17T18:00:00+00:00",
    })
}

fn violations_of_new_event(value: Value) -> Vec<String> {
    violations::<(NewEvent, IdempotencyKey)>(body(value))
}

fn violations_of_patch(value: Value) -> Vec<String> {
    violations::<(EventId, EventPatch)>(patch_body(value))
}

#[test]
fn a_valid_event_is_read() {
    let (event, key): (NewEvent, IdempotencyKey) = body(valid_event()).read().expect("no violation");
    let message = event.into_message(Preconditions::default(), key.into_message(Uuid::nil()));
    assert_eq!((message.title.as_str(), message.location), ("Annual Tech Conference", None));
    assert!(message.idempotency.expect("a key").generated);
}

#[test]
fn all_violations_of_a_new_event_are_reported_at_once() {
    let bad = json!({
        "title": "ab", "description": 7, "location": ["x"], "startDate": "tomorrow", "color": "red",
    });
    assert_eq!(
        violations_of_new_event(bad),
        [
            "title must be 3 to 200 characters long",
            "description must be a string",
            "location must be a string",
            "startDate must be an RFC 3339 timestamp, for example 2026-06-15T09:00:00Z",
            "endDate is required",
            "color is not a known field",
        ]
    );
}

#[test]
fn an_event_must_end_after_it_starts() {
    let mut backwards = valid_event();
    backwards["endDate"] = backwards["startDate"].clone();
    assert_eq!(violations_of_new_event(backwards), ["endDate must be after startDate"]);
}

#[test]
fn a_patch_changes_only_the_given_fields() {
    let read = |value| {
        let read = patch_body(value).read().expect("no violation");
        let (id, patch, preconditions, key): (EventId, EventPatch, Preconditions, IdempotencyKey) = read;
        patch.into_message(id, preconditions, key.into_message(Uuid::nil()))
    };
    let nothing = read(json!({}));
    assert_eq!((nothing.title, nothing.location, nothing.start_date), (None, None, None));
    let cleared = read(json!({"location": null})).location;
    assert_eq!(cleared, Some(LocationChange { value: None }));
    let moved = read(json!({"location": " Office "})).location;
    assert_eq!(moved, Some(LocationChange { value: Some("Office".into()) }));
}

#[test]
fn only_the_location_can_be_cleared() {
    assert_eq!(
        violations_of_patch(json!({"title": null, "startDate": null})),
        ["title must not be null", "startDate must not be null"]
    );
    assert_eq!(violations_of_patch(json!({"title": "  "})), ["title is required"]);
}

#[test]
fn the_gateway_checks_the_dates_only_if_a_patch_has_both() {
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert_eq!(
        violations_of_patch(json!({"startDate": late, "endDate": early})),
        ["endDate must be after startDate"]
    );
    assert!(violations_of_patch(json!({"endDate": early})).is_empty());
}

proptest! {
    #[test]
    fn arbitrary_objects_never_panic(
        members in proptest::collection::hash_map("(title|location|startDate|x)", "\\PC{0,30}", 0..4),
    ) {
        let _ = violations_of_new_event(json!(members));
        let _ = violations_of_patch(json!(members));
    }
}
