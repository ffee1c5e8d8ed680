//! What `/events` reads from bodies, paths and headers.

use chrono::{DateTime, Utc};
use eventboard_domain::rules;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, DeleteRequest, FindOneRequest, LocationChange, RejectRequest,
    SubmitRequest, UpdateRequest,
};
use uuid::Uuid;

use crate::{
    extract::{EntityTags, Input},
    routes::time,
};

pub(super) fn create(input: &mut Input, request_id: Uuid) -> CreateRequest {
    let title = input.required("title", rules::title).unwrap_or_default();
    let description = input.required("description", rules::description).unwrap_or_default();
    let location = input.optional("location", rules::location).flatten();
    let start = input.required("startDate", rules::timestamp);
    let end = input.required("endDate", rules::timestamp);
    check_order(input, start, end);
    CreateRequest {
        title,
        description,
        location,
        start_date: start.map(time::to_proto),
        end_date: end.map(time::to_proto),
        idempotency: input.idempotency(request_id),
    }
}

pub(super) fn update(input: &mut Input, request_id: Uuid) -> UpdateRequest {
    let id = input.id();
    let title = input.patched("title", rules::title);
    let description = input.patched("description", rules::description);
    let location = input.clearable("location", rules::location);
    let start = input.patched("startDate", rules::timestamp);
    let end = input.patched("endDate", rules::timestamp);
    check_order(input, start, end);
    UpdateRequest {
        id,
        title,
        description,
        location: location.map(|value| LocationChange { value }),
        start_date: start.map(time::to_proto),
        end_date: end.map(time::to_proto),
        if_match: input.if_match(),
        idempotency: input.idempotency(request_id),
    }
}

pub(super) fn find(input: &mut Input) -> (FindOneRequest, Option<EntityTags>) {
    (FindOneRequest { id: input.id() }, input.if_none_match())
}

pub(super) fn delete(input: &mut Input, request_id: Uuid) -> DeleteRequest {
    DeleteRequest { id: input.id(), if_match: input.if_match(), idempotency: input.idempotency(request_id) }
}

pub(super) fn submit(input: &mut Input, request_id: Uuid) -> SubmitRequest {
    SubmitRequest { id: input.id(), if_match: input.if_match(), idempotency: input.idempotency(request_id) }
}

pub(super) fn approve(input: &mut Input, request_id: Uuid) -> ApproveRequest {
    ApproveRequest { id: input.id(), if_match: input.if_match(), idempotency: input.idempotency(request_id) }
}

pub(super) fn reject(input: &mut Input, request_id: Uuid) -> RejectRequest {
    RejectRequest {
        id: input.id(),
        reason: input.required("reason", rules::reason).unwrap_or_default(),
        if_match: input.if_match(),
        idempotency: input.idempotency(request_id),
    }
}

/// Only what the request itself shows; after a patch of one date the service looks at both.
fn check_order(input: &mut Input, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) {
    if let (Some(start), Some(end)) = (start, end)
        && let Err(message) = rules::chronological(start, end)
    {
        input.fault("endDate", message);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

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
        faults(body(value), |input| create(input, Uuid::nil()))
    }

    fn patching(value: Value) -> Vec<String> {
        faults(patch_body(value), |input| update(input, Uuid::nil()))
    }

    #[test]
    fn a_good_event_is_read() {
        let message = body(good()).read(|input| create(input, Uuid::nil())).expect("no fault");
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
        let read = |value| patch_body(value).read(|input| update(input, Uuid::nil())).expect("no fault");
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
        assert_eq!(
            patching(json!({"startDate": late, "endDate": early})),
            ["endDate must be after startDate"]
        );
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
}
