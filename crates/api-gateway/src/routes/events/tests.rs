//! What `/events` reads from bodies.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::extract::testing::{body, faults, patch_body};

fn good() -> Value {
    json!({
        "title": " Annual Tech Conference ",
        "description": "Two days of talks.",
        "location": null,
        "startDate": "2026-06-15T09:00:00Z",
        "endDate": "2026-06-17T18:00:00+00:00",
    })
}

fn creation(value: Value) -> Vec<String> {
    faults::<(NewEvent, IdempotencyKey)>(body(value))
}

fn patching(value: Value) -> Vec<String> {
    faults::<(EventId, EventPatch)>(patch_body(value))
}

#[test]
fn a_good_event_is_read() {
    let (event, key): (NewEvent, IdempotencyKey) = body(good()).read().expect("no fault");
    let message = event.into_message(key.into_message(Uuid::nil()));
    assert_eq!((message.title.as_str(), message.location), ("Annual Tech Conference", None));
    assert!(message.idempotency.expect("a key").generated);
}

#[test]
fn all_faults_of_a_new_event_are_told_at_once() {
    let bad = json!({
        "title": "ab", "description": 7, "location": ["x"], "startDate": "tomorrow", "colour": "red",
    });
    assert_eq!(
        creation(bad),
        [
            "title must be 3 to 200 characters long",
            "description must be a string",
            "location must be a string",
            "startDate must be an RFC 3339 timestamp, for example 2026-06-15T09:00:00Z",
            "endDate is required",
            "colour is not a known field",
        ]
    );
}

#[test]
fn an_event_ends_after_it_starts() {
    let mut backwards = good();
    backwards["endDate"] = backwards["startDate"].clone();
    assert_eq!(creation(backwards), ["endDate must be after startDate"]);
}

#[test]
fn a_patch_changes_only_what_it_names() {
    let read = |value| {
        let read = patch_body(value).read().expect("no fault");
        let (id, patch, if_match, key): (EventId, EventPatch, IfMatch, IdempotencyKey) = read;
        patch.into_message(id, if_match, key.into_message(Uuid::nil()))
    };
    let nothing = read(json!({}));
    assert_eq!((nothing.title, nothing.location, nothing.start_date), (None, None, None));
    let cleared = read(json!({"location": null})).location;
    assert_eq!(cleared, Some(LocationChange { value: None }));
    let moved = read(json!({"location": " Office "})).location;
    assert_eq!(moved, Some(LocationChange { value: Some("Office".into()) }));
}

#[test]
fn a_patch_clears_only_the_location() {
    assert_eq!(
        patching(json!({"title": null, "startDate": null})),
        ["title must not be null", "startDate must not be null"]
    );
    assert_eq!(patching(json!({"title": "  "})), ["title is required"]);
}

#[test]
fn a_patch_of_both_dates_is_checked_here_and_of_one_by_the_service() {
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert_eq!(patching(json!({"startDate": late, "endDate": early})), ["endDate must be after startDate"]);
    assert!(patching(json!({"endDate": early})).is_empty());
}

proptest! {
    #[test]
    fn any_object_gets_an_answer_and_never_a_panic(
        members in proptest::collection::hash_map("(title|location|startDate|x)", "\\PC{0,30}", 0..4),
    ) {
        let _ = creation(json!(members));
        let _ = patching(json!(members));
    }
}
