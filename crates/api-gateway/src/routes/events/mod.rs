//! `/events`: the events and their life.

mod event;
mod list;
mod transitions;

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use eventboard_domain::rules;
use eventboard_proto::{
    convert,
    events::{CreateRequest, DeleteRequest, FindOneRequest, Idempotency, LocationChange, UpdateRequest},
};
use utoipa_axum::router::OpenApiRouter;

use self::event::Event;
use super::operation;
use crate::{
    clients::Backend,
    extract::{
        Caller, Clearable, EventId, IdempotencyKey, IfMatch, IfNoneMatch, Input, Parameters, Patched,
        WithBody, fields, request_body, values::Instant,
    },
    gateway::Gateway,
    openapi::{
        problems::{Forbidden, NotFound},
        schemas::{optional_text, text},
    },
    policy::Policies,
    problem::Problem,
};

/// The tag of these operations in the document.
const TAG: &str = "events";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<Gateway> {
    list::routes(policies)
        .routes(operation!(policies.write, create))
        .routes(operation!(policies.read, find))
        .routes(operation!(policies.write, update))
        .routes(operation!(policies.write, delete))
        .merge(transitions::routes(policies))
}

fields! {
    /// An event's title.
    Title(String) = rules::title, text(rules::TITLE);
    /// An event's description.
    Description(String) = rules::description, text(rules::DESCRIPTION);
    /// Where an event takes place; `None` when blank.
    Location(Option<String>) = rules::location, optional_text(*rules::LOCATION.end());
}

request_body! {
    /// An event to be drafted.
    struct NewEvent {
        title: Title,
        description: Description,
        location: Option<Location>,
        start_date: Instant,
        /// After startDate.
        end_date: Instant,
    }
    check chronological_draft(start_date, end_date);
    example {
        "title": "Quarterly Review",
        "description": "What went well, and what did not.",
        "location": "Office",
        "startDate": "2026-09-01T09:00:00Z",
        "endDate": "2026-09-01T12:00:00Z",
    }
}

/// Draft an event
#[utoipa::path(
    post, path = "/events", tag = TAG, operation_id = "createEvent",
    responses((
        status = 201, description = "The new event, a DRAFT of the caller.", body = Event,
        headers(("ETag"), ("Location"), ("Idempotency-Replayed")),
    )),
    extensions(("x-who" = json!("any member"))),
)]
async fn create(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    WithBody((event, key)): WithBody<(NewEvent, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let message = event.into_message(key.into_message(call.request_id()));
    let reply = gateway.clients().events().create(call.request(message)).await;
    event::created(Backend::Events.reply(reply)?)
}

/// Read an event
#[utoipa::path(
    get, path = "/events/{id}", tag = TAG, operation_id = "getEvent",
    responses(
        (status = 200, description = "The event.", body = Event, headers(("ETag"), ("Cache-Control"))),
        (status = 304, description = "The client knows this version.", headers(("ETag"), ("Cache-Control"))),
        NotFound,
    ),
    extensions(("x-who" = json!("USER: own, and the organization's APPROVED ones; MODERATOR, ADMIN: all"))),
)]
async fn find(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    Parameters((id, known)): Parameters<(EventId, IfNoneMatch)>,
) -> Result<Response, Problem> {
    let reply = gateway.clients().events().find_one(call.request(FindOneRequest { id: id.0 })).await;
    event::found(Backend::Events.reply(reply)?, known.0.as_ref())
}

request_body! {
    /// Changes of an event; what is not given stays.
    struct EventPatch {
        title: Patched<Title>,
        description: Patched<Description>,
        /// Null clears it.
        location: Clearable<Location>,
        start_date: Patched<Instant>,
        /// After startDate.
        end_date: Patched<Instant>,
    }
    check chronological_patch(start_date, end_date);
    example { "title": "Annual Tech Conference 2026, extended", "location": null }
}

/// Change an event
///
/// Fields that are not given stay; an empty patch changes nothing, not even the ETag. The status stays.
#[utoipa::path(
    patch, path = "/events/{id}", tag = TAG, operation_id = "updateEvent",
    responses(
        (
            status = 200, description = "The event after the change.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound,
    ),
    extensions(("x-who" = json!("owner, while DRAFT or REJECTED; MODERATOR, ADMIN"))),
)]
async fn update(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    WithBody((id, patch, if_match, key)): WithBody<(EventId, EventPatch, IfMatch, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let message = patch.into_message(id, if_match, key.into_message(call.request_id()));
    let reply = gateway.clients().events().update(call.request(message)).await;
    event::changed(Backend::Events.reply(reply)?)
}

/// Delete an event
///
/// Its history stays.
#[utoipa::path(
    delete, path = "/events/{id}", tag = TAG, operation_id = "deleteEvent",
    responses(
        (status = 204, description = "The event is gone.", headers(("Idempotency-Replayed"))),
        Forbidden, NotFound,
    ),
    extensions(("x-who" = json!("owner, while DRAFT or REJECTED; ADMIN"))),
)]
async fn delete(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    Parameters((id, if_match, key)): Parameters<(EventId, IfMatch, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let idempotency = Some(key.into_message(call.request_id()));
    let message = DeleteRequest { id: id.0, if_match: if_match.0, idempotency };
    let reply = gateway.clients().events().delete(call.request(message)).await;
    Ok(event::deleted(Backend::Events.reply(reply)?))
}

impl NewEvent {
    fn into_message(self, idempotency: Idempotency) -> CreateRequest {
        let Self { title, description, location, start_date, end_date } = self;
        CreateRequest {
            title: title.0,
            description: description.0,
            location: location.and_then(|location| location.0),
            start_date: Some(convert::timestamp(start_date.0)),
            end_date: Some(convert::timestamp(end_date.0)),
            idempotency: Some(idempotency),
        }
    }
}

impl EventPatch {
    fn into_message(self, id: EventId, if_match: IfMatch, idempotency: Idempotency) -> UpdateRequest {
        let Self { title, description, location, start_date, end_date } = self;
        UpdateRequest {
            id: id.0,
            title: title.0.map(|title| title.0),
            description: description.0.map(|description| description.0),
            location: location.0.map(|location| LocationChange { value: location.and_then(|text| text.0) }),
            start_date: start_date.0.map(|start| convert::timestamp(start.0)),
            end_date: end_date.0.map(|end| convert::timestamp(end.0)),
            if_match: if_match.0,
            idempotency: Some(idempotency),
        }
    }
}

fn chronological_draft(input: &mut Input, start: Option<&Instant>, end: Option<&Instant>) {
    chronological(input, start.map(|start| start.0), end.map(|end| end.0));
}

/// Only what the patch itself shows; after a patch of one date the service looks at both.
fn chronological_patch(input: &mut Input, start: Option<&Patched<Instant>>, end: Option<&Patched<Instant>>) {
    let instant = |changed: Option<&Patched<Instant>>| changed?.0.as_ref().map(|instant| instant.0);
    chronological(input, instant(start), instant(end));
}

fn chronological(input: &mut Input, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) {
    if let (Some(start), Some(end)) = (start, end)
        && let Err(message) = rules::chronological(start, end)
    {
        input.fault("endDate", message);
    }
}

#[cfg(test)]
mod tests;
