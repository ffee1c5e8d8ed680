//! `/events`: events and their workflow.

mod event;
mod list;
mod transitions;

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use eventboard_client::Backend;
use eventboard_domain::rules;
use eventboard_proto::{
    convert,
    events::{CreateRequest, DeleteRequest, FindOneRequest, LocationChange, UpdateRequest},
    writes::Idempotency,
};
use utoipa_axum::router::OpenApiRouter;

pub(super) use self::event::Event;
use super::operation;
use crate::{
    extract::{
        Caller, EventId, IdempotencyKey, Input, OptionalNotNull, OptionalNullable, Parameters, Preconditions,
        ReadConditions, WithBody, fields, request_body, shared_fields::Instant,
    },
    openapi::{
        problems::{Forbidden, NotFound, QuotaExceeded},
        schemas::{optional_text, text},
    },
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "events";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    list::routes(policies)
        .routes(operation!(policies.write, create))
        .routes(operation!(policies.read, find))
        .routes(operation!(policies.write, update))
        .routes(operation!(policies.write, delete))
        .merge(transitions::routes(policies))
}

fields! {
    /// The title of an event.
    Title(String) = rules::title, text(rules::TITLE_LENGTH);
    /// The description of an event.
    Description(String) = rules::description, text(rules::DESCRIPTION_LENGTH);
    /// The location of an event. `None` if it is blank.
    Location(Option<String>) = rules::location, optional_text(*rules::LOCATION_LENGTH.end());
}

request_body! {
    /// A new event.
    struct NewEvent {
        title: Title,
        description: Description,
        location: Option<Location>,
        start_date: Instant,
        /// Must be later than `startDate`.
        end_date: Instant,
    }
    check check_new_event_dates(start_date, end_date);
    example {
        "title": "Quarterly Review",
        "description": "What went well, and what did not.",
        "location": "Office",
        "startDate": "2026-09-01T09:00:00Z",
        "endDate": "2026-09-01T12:00:00Z",
    }
}

/// Create an event
///
/// The event has the status DRAFT and belongs to the caller. Conditions concern the list of events, which exists and has
/// no `ETag`.
#[utoipa::path(
    post, path = "/events", tag = TAG, operation_id = "createEvent",
    responses(
        (
            status = 201, description = "The created event.", body = Event,
            headers(("ETag"), ("Location"), ("Idempotency-Replayed")),
        ),
        QuotaExceeded,
    ),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn create(
    State(state): State<AppState>,
    Caller(call): Caller,
    WithBody((event, preconditions, key)): WithBody<(NewEvent, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let message = event.into_message(preconditions, key.into_message(call.request_id()));
    let reply = state.clients().events().create(call.request(message)).await;
    event::created_response(Backend::Events.reply(reply)?)
}

/// Get an event
#[utoipa::path(
    get, path = "/events/{id}", tag = TAG, operation_id = "getEvent",
    responses(
        (status = 200, description = "The event.", body = Event, headers(("ETag"), ("Cache-Control"))),
        (
            status = 304, description = "The event's `ETag` is one of those in `If-None-Match`.",
            headers(("ETag"), ("Cache-Control")),
        ),
        NotFound,
    ),
    extensions((
        "x-access" = json!("USER: own events and the organization's APPROVED ones; MODERATOR, ADMIN: all")
    )),
)]
async fn find(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters((id, ReadConditions)): Parameters<(EventId, ReadConditions)>,
) -> Result<Response, Problem> {
    let reply = state.clients().events().find_one(call.request(FindOneRequest { id: id.0 })).await;
    event::found_response(Backend::Events.reply(reply)?)
}

request_body! {
    /// Changes to an event. Omitted fields keep their values.
    struct EventPatch {
        title: OptionalNotNull<Title>,
        description: OptionalNotNull<Description>,
        /// Null removes the location.
        location: OptionalNullable<Location>,
        start_date: OptionalNotNull<Instant>,
        /// Must be later than `startDate`.
        end_date: OptionalNotNull<Instant>,
    }
    check check_patch_dates(start_date, end_date);
    example { "title": "Annual Tech Conference 2026, extended", "location": null }
}

/// Update an event
///
/// Omitted fields keep their values. An empty patch changes nothing, not even the `ETag`. The status does not change.
#[utoipa::path(
    patch, path = "/events/{id}", tag = TAG, operation_id = "updateEvent",
    responses(
        (
            status = 200, description = "The updated event.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, QuotaExceeded,
    ),
    extensions(("x-access" = json!("owner, while DRAFT or REJECTED; MODERATOR, ADMIN"))),
)]
async fn update(
    State(state): State<AppState>,
    Caller(call): Caller,
    WithBody((id, patch, preconditions, key)): WithBody<(EventId, EventPatch, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let message = patch.into_message(id, preconditions, key.into_message(call.request_id()));
    let reply = state.clients().events().update(call.request(message)).await;
    event::updated_response(Backend::Events.reply(reply)?)
}

/// Delete an event
///
/// The history of the event is kept.
#[utoipa::path(
    delete, path = "/events/{id}", tag = TAG, operation_id = "deleteEvent",
    responses(
        (status = 204, description = "The event was deleted.", headers(("Idempotency-Replayed"))),
        Forbidden, NotFound,
    ),
    extensions(("x-access" = json!("owner, while DRAFT or REJECTED; ADMIN"))),
)]
async fn delete(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters((id, preconditions, key)): Parameters<(EventId, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let idempotency = Some(key.into_message(call.request_id()));
    let Preconditions { if_match, if_none_match } = preconditions;
    let message = DeleteRequest { id: id.0, if_match, if_none_match, idempotency };
    let reply = state.clients().events().delete(call.request(message)).await;
    Ok(event::deleted_response(Backend::Events.reply(reply)?))
}

impl NewEvent {
    fn into_message(self, preconditions: Preconditions, idempotency: Idempotency) -> CreateRequest {
        let Self { title, description, location, start_date, end_date } = self;
        let Preconditions { if_match, if_none_match } = preconditions;
        CreateRequest {
            title: title.0,
            description: description.0,
            location: location.and_then(|location| location.0),
            start_date: Some(convert::timestamp(start_date.0)),
            end_date: Some(convert::timestamp(end_date.0)),
            if_match,
            if_none_match,
            idempotency: Some(idempotency),
        }
    }
}

impl EventPatch {
    fn into_message(
        self,
        id: EventId,
        preconditions: Preconditions,
        idempotency: Idempotency,
    ) -> UpdateRequest {
        let Self { title, description, location, start_date, end_date } = self;
        let Preconditions { if_match, if_none_match } = preconditions;
        UpdateRequest {
            id: id.0,
            title: title.0.map(|title| title.0),
            description: description.0.map(|description| description.0),
            location: location.0.map(|location| LocationChange { value: location.and_then(|text| text.0) }),
            start_date: start_date.0.map(|start| convert::timestamp(start.0)),
            end_date: end_date.0.map(|end| convert::timestamp(end.0)),
            if_match,
            if_none_match,
            idempotency: Some(idempotency),
        }
    }
}

fn check_new_event_dates(input: &mut Input, start: Option<&Instant>, end: Option<&Instant>) {
    check_dates(input, start.map(|start| start.0), end.map(|end| end.0));
}

/// Checks the dates only if the patch contains both. If it contains one, the service checks it against the stored
/// event.
fn check_patch_dates(
    input: &mut Input,
    start: Option<&OptionalNotNull<Instant>>,
    end: Option<&OptionalNotNull<Instant>>,
) {
    let instant = |date: Option<&OptionalNotNull<Instant>>| date?.0.as_ref().map(|instant| instant.0);
    check_dates(input, instant(start), instant(end));
}

fn check_dates(input: &mut Input, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) {
    if let (Some(start), Some(end)) = (start, end)
        && let Err(message) = rules::check_date_order(start, end)
    {
        input.add_violation("endDate", message);
    }
}

#[cfg(test)]
mod tests;
