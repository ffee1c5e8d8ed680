//! The representation of an event in responses, and the responses of the event operations.

use axum::response::Response;
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::EventStatus;
use eventboard_proto::events::{self as proto, DeleteReply, EventReply};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    extract::EnumValue,
    problem::Problem,
    routes::{
        responses::{REVALIDATE, with_location, with_replayed, with_version},
        time,
    },
};

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "01890000-0000-7000-8000-000000000001",
    "title": "Annual Tech Conference 2026",
    "description": "Three days of talks and workshops.",
    "location": "San Francisco, CA",
    "startDate": "2026-06-15T09:00:00.000Z",
    "endDate": "2026-06-17T18:00:00.000Z",
    "status": "APPROVED",
    "rejectionReason": null,
    "submittedAt": "2026-01-11T10:00:00.000Z",
    "organizationId": "01890000-0000-7000-8000-0000000000a1",
    "createdById": "01890000-0000-7000-8000-0000000000b1",
    "createdAt": "2026-01-10T08:30:00.000Z",
    "updatedAt": "2026-01-12T16:05:00.000Z",
}))]
pub(in crate::routes) struct Event {
    /// The ID of the event (UUIDv7).
    #[schema(format = Uuid)]
    id: String,
    title: String,
    description: String,
    #[schema(required = true)]
    location: Option<String>,
    #[schema(format = DateTime)]
    start_date: String,
    /// Later than `startDate`.
    #[schema(format = DateTime)]
    end_date: String,
    status: EventStatusValue,
    /// Why the event was rejected. Null unless the status is REJECTED.
    #[schema(required = true)]
    rejection_reason: Option<String>,
    /// When the owner last submitted the event. Null if it never was, or if it was decided before this was recorded.
    #[schema(required = true, format = DateTime)]
    submitted_at: Option<String>,
    #[schema(format = Uuid)]
    organization_id: String,
    /// The owner of the event.
    #[schema(format = Uuid)]
    created_by_id: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// An alias is needed, because the derived schema cannot refer to a generic type.
type EventStatusValue = EnumValue<EventStatus>;

impl TryFrom<proto::Event> for Event {
    type Error = ServiceError;

    fn try_from(event: proto::Event) -> Result<Self, ServiceError> {
        let invalid = |field| Backend::Events.invalid_reply(field);
        let status = EventStatus::try_from(event.status()).map_err(|_| invalid("status"))?;
        let proto::Event {
            id,
            title,
            description,
            location,
            start_date,
            end_date,
            status: _,
            rejection_reason,
            organization_id,
            created_by_id,
            created_at,
            updated_at,
            // Sent as the ETag.
            version: _,
            submitted_at,
        } = event;
        Ok(Self {
            id,
            title,
            description,
            location,
            start_date: time::to_rfc3339(start_date).ok_or_else(|| invalid("start_date"))?,
            end_date: time::to_rfc3339(end_date).ok_or_else(|| invalid("end_date"))?,
            status: EnumValue(status),
            rejection_reason,
            submitted_at: time::to_rfc3339(submitted_at),
            organization_id,
            created_by_id,
            created_at: time::to_rfc3339(created_at).ok_or_else(|| invalid("created_at"))?,
            updated_at: time::to_rfc3339(updated_at).ok_or_else(|| invalid("updated_at"))?,
        })
    }
}

/// The response to a creation, including a replayed one.
pub(super) fn created_response(reply: EventReply) -> Result<Response, Problem> {
    let (event, replayed) = (require_event(reply.event)?, reply.replayed);
    let location = format!("/events/{}", event.id);
    Ok(with_replayed(with_location(event_response(event)?, &location)?, replayed))
}

/// The response to an update or a transition.
pub(super) fn updated_response(reply: EventReply) -> Result<Response, Problem> {
    let replayed = reply.replayed;
    Ok(with_replayed(event_response(require_event(reply.event)?)?, replayed))
}

/// The response to a deletion.
pub(super) fn deleted_response(reply: DeleteReply) -> Response {
    with_replayed(StatusCode::NO_CONTENT, reply.replayed)
}

/// The response to a read.
pub(super) fn found_response(event: proto::Event) -> Result<Response, Problem> {
    let mut response = event_response(event)?;
    response.headers_mut().extend([REVALIDATE]);
    Ok(response)
}

fn event_response(event: proto::Event) -> Result<Response, Problem> {
    with_version(event.version, Event::try_from(event)?)
}

fn require_event(event: Option<proto::Event>) -> Result<proto::Event, ServiceError> {
    event.ok_or_else(|| Backend::Events.invalid_reply("event"))
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;
    use crate::testing::json;

    fn event() -> proto::Event {
        let instant = Some(Timestamp { seconds: 1_781_514_000, nanos: 0 });
        proto::Event {
            id: "e".into(),
            title: "Conference".into(),
            description: "Two days of talks.".into(),
            location: None,
            start_date: instant,
            end_date: instant,
            status: proto::EventStatus::Draft.into(),
            rejection_reason: None,
            organization_id: "o".into(),
            created_by_id: "u".into(),
            created_at: instant,
            updated_at: instant,
            version: 7,
            submitted_at: None,
        }
    }

    #[tokio::test]
    async fn a_creation_has_a_location_and_an_etag_even_when_replayed() {
        for replayed in [false, true] {
            let response =
                created_response(EventReply { event: Some(event()), replayed }).expect("a response");
            assert_eq!(response.status(), StatusCode::CREATED);
            assert_eq!(response.headers()["location"], "/events/e");
            assert_eq!(response.headers()["etag"], "\"7\"");
            assert_eq!(
                response.headers().get("idempotency-replayed").is_some_and(|value| value == "true"),
                replayed
            );
        }
    }

    #[tokio::test]
    async fn missing_values_are_null() {
        let response =
            updated_response(EventReply { event: Some(event()), replayed: false }).expect("a response");
        assert_eq!(response.headers()["etag"], "\"7\"");
        let body = json(response).await;
        assert!(body["location"].is_null() && body["rejectionReason"].is_null());
        assert!(body["submittedAt"].is_null());
        assert_eq!(body.as_object().expect("an object").len(), 13);
        assert_eq!(body["startDate"], "2026-06-15T09:00:00.000Z");
        assert!(body.get("version").is_none());
    }

    #[test]
    fn a_found_event_must_be_revalidated() {
        let response = found_response(event()).expect("a response");
        assert_eq!(response.headers()["etag"], "\"7\"");
        assert_eq!(response.headers()["cache-control"], "private, no-cache");
    }
}
