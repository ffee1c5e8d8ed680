//! An event as it is answered, with the headers that belong to it.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::EventStatus;
use eventboard_proto::events::{self as proto, DeleteReply, EventReply};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    clients::Backend,
    extract::{EntityTags, Word, entity_tag},
    problem::Problem,
    routes::time,
};

/// Says that an earlier request of the client had this effect.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a caller sees is for that caller, and to be asked for again before it is believed.
pub(super) const REVALIDATE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));

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
    "organizationId": "01890000-0000-7000-8000-0000000000a1",
    "createdById": "01890000-0000-7000-8000-0000000000b1",
    "createdAt": "2026-01-10T08:30:00.000Z",
    "updatedAt": "2026-01-12T16:05:00.000Z",
}))]
pub(super) struct Event {
    /// UUIDv7.
    #[schema(format = Uuid)]
    id: String,
    title: String,
    description: String,
    #[schema(required = true)]
    location: Option<String>,
    #[schema(format = DateTime)]
    start_date: String,
    /// After the start.
    #[schema(format = DateTime)]
    end_date: String,
    status: EventStatusWord,
    /// Why the event was rejected, while it is.
    #[schema(required = true)]
    rejection_reason: Option<String>,
    #[schema(format = Uuid)]
    organization_id: String,
    /// The owner.
    #[schema(format = Uuid)]
    created_by_id: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Named for the document, which cannot refer to a generic type.
type EventStatusWord = Word<EventStatus>;

impl TryFrom<proto::Event> for Event {
    type Error = ServiceError;

    fn try_from(event: proto::Event) -> Result<Self, ServiceError> {
        let missing = |what| Backend::Events.broken_reply(what);
        let status = EventStatus::try_from(event.status()).map_err(|_| missing("status"))?;
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
            // Told by the ETag.
            version: _,
        } = event;
        Ok(Self {
            id,
            title,
            description,
            location,
            start_date: time::to_json(start_date).ok_or_else(|| missing("start_date"))?,
            end_date: time::to_json(end_date).ok_or_else(|| missing("end_date"))?,
            status: Word(status),
            rejection_reason,
            organization_id,
            created_by_id,
            created_at: time::to_json(created_at).ok_or_else(|| missing("created_at"))?,
            updated_at: time::to_json(updated_at).ok_or_else(|| missing("updated_at"))?,
        })
    }
}

/// A new event, also when it was made by an earlier request with the same key.
pub(super) fn created(reply: EventReply) -> Result<Response, Problem> {
    let (event, replayed) = (event_of(reply.event)?, reply.replayed);
    let location = header_value(&format!("/events/{}", event.id))?;
    let mut response = single(event)?;
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(marked(response, replayed))
}

/// An event after a change.
pub(super) fn changed(reply: EventReply) -> Result<Response, Problem> {
    let replayed = reply.replayed;
    Ok(marked(single(event_of(reply.event)?)?, replayed))
}

/// The answer when there is no event any more.
pub(super) fn deleted(reply: DeleteReply) -> Response {
    marked(StatusCode::NO_CONTENT.into_response(), reply.replayed)
}

/// An event, or 304 when the client knows it in this version already (RFC 9110, section 13.1.2).
pub(super) fn found(event: proto::Event, known: Option<&EntityTags>) -> Result<Response, Problem> {
    let is_known = known.is_some_and(|known| known.weakly_names(event.version));
    let mut response = if is_known {
        let tag = header_value(&entity_tag::of_version(event.version))?;
        (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response()
    } else {
        single(event)?
    };
    response.headers_mut().extend([REVALIDATE]);
    Ok(response)
}

fn single(event: proto::Event) -> Result<Response, Problem> {
    let tag = header_value(&entity_tag::of_version(event.version))?;
    Ok(([(header::ETAG, tag)], Json(Event::try_from(event)?)).into_response())
}

fn marked(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn event_of(event: Option<proto::Event>) -> Result<proto::Event, ServiceError> {
    event.ok_or_else(|| Backend::Events.broken_reply("event"))
}

fn header_value(text: &str) -> Result<HeaderValue, ServiceError> {
    HeaderValue::from_str(text).map_err(ServiceError::internal)
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
        }
    }

    #[tokio::test]
    async fn a_new_event_has_a_location_and_a_tag_also_when_replayed() {
        for replayed in [false, true] {
            let response = created(EventReply { event: Some(event()), replayed }).expect("an answer");
            assert_eq!(response.status(), StatusCode::CREATED);
            assert_eq!(response.headers()["location"], "/events/e");
            assert_eq!(response.headers()["etag"], "\"7\"");
            assert_eq!(response.headers().get(REPLAYED).is_some_and(|value| value == "true"), replayed);
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_null() {
        let response = changed(EventReply { event: Some(event()), replayed: false }).expect("an answer");
        assert_eq!(response.headers()["etag"], "\"7\"");
        let body = json(response).await;
        assert!(body["location"].is_null() && body["rejectionReason"].is_null());
        assert_eq!(body.as_object().expect("an object").len(), 12);
        assert_eq!(body["startDate"], "2026-06-15T09:00:00.000Z");
        assert!(body.get("version").is_none());
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let known = |tags: &str| EntityTags::parse(&[tags.as_bytes()]).expect("tags");
        let response = found(event(), Some(&known("\"6\", W/\"7\""))).expect("an answer");
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(response.headers()["etag"], "\"7\"");
        assert_eq!(response.headers()["cache-control"], "private, no-cache");
        assert_eq!(found(event(), Some(&known("\"8\""))).expect("an answer").status(), StatusCode::OK);
        assert_eq!(found(event(), None).expect("an answer").status(), StatusCode::OK);
    }
}
