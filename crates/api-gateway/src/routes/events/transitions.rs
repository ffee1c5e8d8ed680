//! The transitions of an event's workflow: submit, approve, reject.

use axum::{extract::State, response::Response};
use eventboard_client::Backend;
use eventboard_domain::rules;
use eventboard_proto::events::{ApproveRequest, RejectRequest, SubmitRequest};
use utoipa_axum::router::OpenApiRouter;

use super::{
    TAG,
    event::{self, Event},
};
use crate::{
    extract::{Caller, EventId, IdempotencyKey, Parameters, Preconditions, WithBody, fields, request_body},
    openapi::{
        problems::{Forbidden, NotFound, WrongStatus},
        schemas::text,
    },
    policy::Policies,
    problem::Problem,
    routes::operation,
    state::AppState,
};

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.write, submit))
        .routes(operation!(policies.write, approve))
        .routes(operation!(policies.write, reject))
}

/// Submit an event for approval
///
/// The status changes from DRAFT or REJECTED to SUBMITTED. The rejection reason is cleared.
#[utoipa::path(
    post, path = "/events/{id}/submit", tag = TAG, operation_id = "submitEvent",
    responses(
        (
            status = 200, description = "The submitted event.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, WrongStatus,
    ),
    extensions(("x-access" = json!("owner")), ("x-from-status" = json!("DRAFT, REJECTED"))),
)]
async fn submit(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters((id, preconditions, key)): Parameters<(EventId, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let idempotency = Some(key.into_message(call.request_id()));
    let Preconditions { if_match, if_none_match } = preconditions;
    let message = SubmitRequest { id: id.0, if_match, if_none_match, idempotency };
    let reply = state.clients().events().submit(call.request(message)).await;
    event::updated_response(Backend::Events.reply(reply)?)
}

/// Approve an event
///
/// The status changes from SUBMITTED to APPROVED. All users of the organization can then see the event.
#[utoipa::path(
    post, path = "/events/{id}/approve", tag = TAG, operation_id = "approveEvent",
    responses(
        (
            status = 200, description = "The approved event.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, WrongStatus,
    ),
    extensions(("x-access" = json!("MODERATOR, ADMIN")), ("x-from-status" = json!("SUBMITTED"))),
)]
async fn approve(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters((id, preconditions, key)): Parameters<(EventId, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let idempotency = Some(key.into_message(call.request_id()));
    let Preconditions { if_match, if_none_match } = preconditions;
    let message = ApproveRequest { id: id.0, if_match, if_none_match, idempotency };
    let reply = state.clients().events().approve(call.request(message)).await;
    event::updated_response(Backend::Events.reply(reply)?)
}

fields! {
    /// The reason for a rejection.
    Reason(String) = rules::reason, text(rules::REASON_LENGTH);
}

request_body! {
    /// The reason for a rejection.
    struct Rejection {
        reason: Reason,
    }
    example { "reason": "The venue is not booked yet." }
}

/// Reject an event
///
/// The status changes from SUBMITTED to REJECTED. The owner sees the reason and can submit the event again.
#[utoipa::path(
    post, path = "/events/{id}/reject", tag = TAG, operation_id = "rejectEvent",
    responses(
        (
            status = 200, description = "The rejected event.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, WrongStatus,
    ),
    extensions(("x-access" = json!("MODERATOR, ADMIN")), ("x-from-status" = json!("SUBMITTED"))),
)]
async fn reject(
    State(state): State<AppState>,
    Caller(call): Caller,
    WithBody((id, rejection, preconditions, key)): WithBody<(
        EventId,
        Rejection,
        Preconditions,
        IdempotencyKey,
    )>,
) -> Result<Response, Problem> {
    let Rejection { reason } = rejection;
    let idempotency = Some(key.into_message(call.request_id()));
    let Preconditions { if_match, if_none_match } = preconditions;
    let message = RejectRequest { id: id.0, reason: reason.0, if_match, if_none_match, idempotency };
    let reply = state.clients().events().reject(call.request(message)).await;
    event::updated_response(Backend::Events.reply(reply)?)
}
