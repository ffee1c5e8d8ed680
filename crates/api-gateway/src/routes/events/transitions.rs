//! The steps of an event's workflow.

use axum::{extract::State, response::Response};
use eventboard_domain::rules;
use eventboard_proto::events::{ApproveRequest, RejectRequest, SubmitRequest};
use utoipa_axum::router::OpenApiRouter;

use super::{
    TAG,
    event::{self, Event},
};
use crate::{
    clients::Backend,
    extract::{Caller, EventId, IdempotencyKey, IfMatch, Parameters, WithBody, fields, request_body},
    gateway::Gateway,
    openapi::{
        problems::{Forbidden, NotFound, WrongStatus},
        schemas::text,
    },
    policy::Policies,
    problem::Problem,
    routes::operation,
};

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(operation!(policies.write, submit))
        .routes(operation!(policies.write, approve))
        .routes(operation!(policies.write, reject))
}

/// Submit an event for approval
///
/// A DRAFT or REJECTED event becomes SUBMITTED; the reason of a rejection is cleared.
#[utoipa::path(
    post, path = "/events/{id}/submit", tag = TAG, operation_id = "submitEvent",
    responses(
        (
            status = 200, description = "The event, SUBMITTED.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, WrongStatus,
    ),
    extensions(("x-who" = json!("owner")), ("x-from-status" = json!("DRAFT, REJECTED"))),
)]
async fn submit(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    Parameters((id, if_match, key)): Parameters<(EventId, IfMatch, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let idempotency = Some(key.into_message(call.request_id()));
    let message = SubmitRequest { id: id.0, if_match: if_match.0, idempotency };
    let reply = gateway.clients().events().submit(call.request(message)).await;
    event::changed(Backend::Events.reply(reply)?)
}

/// Approve a submitted event
///
/// The whole organization sees it from then on.
#[utoipa::path(
    post, path = "/events/{id}/approve", tag = TAG, operation_id = "approveEvent",
    responses(
        (
            status = 200, description = "The event, APPROVED.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, WrongStatus,
    ),
    extensions(("x-who" = json!("MODERATOR, ADMIN")), ("x-from-status" = json!("SUBMITTED"))),
)]
async fn approve(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    Parameters((id, if_match, key)): Parameters<(EventId, IfMatch, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let idempotency = Some(key.into_message(call.request_id()));
    let message = ApproveRequest { id: id.0, if_match: if_match.0, idempotency };
    let reply = gateway.clients().events().approve(call.request(message)).await;
    event::changed(Backend::Events.reply(reply)?)
}

fields! {
    /// Why an event is rejected.
    Reason(String) = rules::reason, text(rules::REASON);
}

request_body! {
    /// Why an event is rejected.
    struct Rejection {
        reason: Reason,
    }
    example { "reason": "The venue is not booked yet." }
}

/// Reject a submitted event
///
/// Its owner sees the reason, changes the event and submits it again.
#[utoipa::path(
    post, path = "/events/{id}/reject", tag = TAG, operation_id = "rejectEvent",
    responses(
        (
            status = 200, description = "The event, REJECTED.", body = Event,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, WrongStatus,
    ),
    extensions(("x-who" = json!("MODERATOR, ADMIN")), ("x-from-status" = json!("SUBMITTED"))),
)]
async fn reject(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    WithBody((id, rejection, if_match, key)): WithBody<(EventId, Rejection, IfMatch, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let Rejection { reason } = rejection;
    let idempotency = Some(key.into_message(call.request_id()));
    let message = RejectRequest { id: id.0, reason: reason.0, if_match: if_match.0, idempotency };
    let reply = gateway.clients().events().reject(call.request(message)).await;
    event::changed(Backend::Events.reply(reply)?)
}
