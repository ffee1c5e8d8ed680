//! The operations of `/events`.

use utoipa::openapi::{
    HttpMethod, PathItem, Response,
    path::{Operation, OperationBuilder, PathItemBuilder},
    security::SecurityRequirement,
};

use super::{
    BEARER, bodies, parameters,
    responses::{
        self, CONFLICT, FORBIDDEN, INVALID, KEY_REUSED, NOT_FOUND, NOT_JSON, STALE, Status, TOO_LARGE,
        UNAUTHENTICATED, empty, json,
    },
};

const TAG: &str = "events";

/// What any operation of a caller on a path with parameters may answer with.
const CALLED: [Status; 3] = [INVALID, UNAUTHENTICATED, TOO_LARGE];

pub(super) fn paths() -> [(&'static str, PathItem); 5] {
    let collection = PathItemBuilder::new()
        .operation(HttpMethod::Get, list())
        .operation(HttpMethod::Post, create())
        .build();
    let one = PathItemBuilder::new()
        .operation(HttpMethod::Get, find())
        .operation(HttpMethod::Patch, update())
        .operation(HttpMethod::Delete, remove())
        .build();
    [
        ("/events", collection),
        ("/events/{id}", one),
        ("/events/{id}/submit", PathItem::new(HttpMethod::Post, submit())),
        ("/events/{id}/approve", PathItem::new(HttpMethod::Post, approve())),
        ("/events/{id}/reject", PathItem::new(HttpMethod::Post, reject())),
    ]
}

fn list() -> Operation {
    let good =
        [("200", json("A part of the events that the caller may see.", "EventPage", &["Cache-Control"]))];
    operation("listEvents", "List events")
        .parameters(Some(parameters::listing()))
        .responses(responses::of(good, &CALLED))
        .build()
}

fn create() -> Operation {
    let headers = ["ETag", "Location", "Idempotency-Replayed"];
    let good = [("201", json("The new event, a DRAFT of the caller.", "Event", &headers))];
    let problems = [&CALLED[..], &[NOT_JSON, KEY_REUSED]].concat();
    operation("createEvent", "Draft an event")
        .parameter(parameters::idempotency_key())
        .request_body(Some(bodies::of("NewEvent")))
        .responses(responses::of(good, &problems))
        .build()
}

fn find() -> Operation {
    let good = [
        ("200", json("The event.", "Event", &["ETag", "Cache-Control"])),
        ("304", empty("The client knows this version.", &["ETag", "Cache-Control"])),
    ];
    operation("getEvent", "Read an event")
        .parameter(parameters::id())
        .parameter(parameters::if_none_match())
        .responses(responses::of(good, &[&CALLED[..], &[NOT_FOUND]].concat()))
        .build()
}

fn update() -> Operation {
    write("updateEvent", "Change an event", changed(), &[NOT_JSON])
        .description(Some("Fields that are not given stay; an empty patch changes nothing."))
        .request_body(Some(bodies::of("EventPatch")))
        .build()
}

fn remove() -> Operation {
    let gone = ("204", empty("The event is gone.", &["Idempotency-Replayed"]));
    write("deleteEvent", "Delete an event", gone, &[]).build()
}

fn submit() -> Operation {
    write("submitEvent", "Submit an event for approval", changed(), &[CONFLICT]).build()
}

fn approve() -> Operation {
    write("approveEvent", "Approve a submitted event", changed(), &[CONFLICT]).build()
}

fn reject() -> Operation {
    write("rejectEvent", "Reject a submitted event", changed(), &[CONFLICT, NOT_JSON])
        .request_body(Some(bodies::of("Rejection")))
        .build()
}

fn changed() -> (&'static str, Response) {
    ("200", json("The event after the change.", "Event", &["ETag", "Idempotency-Replayed"]))
}

/// A write to one event.
fn write(id: &str, summary: &str, good: (&str, Response), more: &[Status]) -> OperationBuilder {
    let problems = [&CALLED[..], &[FORBIDDEN, NOT_FOUND, STALE, KEY_REUSED], more].concat();
    operation(id, summary)
        .parameter(parameters::id())
        .parameter(parameters::if_match())
        .parameter(parameters::idempotency_key())
        .responses(responses::of([good], &problems))
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some(id))
        .summary(Some(summary))
        .security(SecurityRequirement::new(BEARER, [] as [&str; 0]))
        .parameter(parameters::correlation_id())
}
