//! Between events and their protobuf form, which is also how responses are kept for replay.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::EventStatus;
use eventboard_proto::events as proto;
use prost::Message;
use prost_types::Timestamp;

use crate::event::Event;

impl From<Event> for proto::Event {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            title: event.title,
            description: event.description,
            location: event.location,
            start_date: Some(timestamp(event.start_date)),
            end_date: Some(timestamp(event.end_date)),
            status: status_to_proto(event.status).into(),
            rejection_reason: event.rejection_reason,
            organization_id: event.organization_id.to_string(),
            created_by_id: event.created_by_id.to_string(),
            created_at: Some(timestamp(event.created_at)),
            updated_at: Some(timestamp(event.updated_at)),
            version: event.version,
        }
    }
}

/// The response to keep for a write that left this event.
pub(crate) fn encode(event: Event) -> Vec<u8> {
    proto::Event::from(event).encode_to_vec()
}

/// A kept response.
///
/// # Errors
/// When what was kept cannot be read, which is a defect.
pub(crate) fn decode(response: &[u8]) -> Result<proto::Event, ServiceError> {
    proto::Event::decode(response).map_err(ServiceError::internal)
}

fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    SystemTime::from(instant).into()
}

fn status_to_proto(status: EventStatus) -> proto::EventStatus {
    match status {
        EventStatus::Draft => proto::EventStatus::Draft,
        EventStatus::Submitted => proto::EventStatus::Submitted,
        EventStatus::Approved => proto::EventStatus::Approved,
        EventStatus::Rejected => proto::EventStatus::Rejected,
    }
}

/// The status of a message; `None` when unspecified.
///
/// # Errors
/// A message for the caller when the number means nothing.
pub(crate) fn status_from_proto(number: i32) -> Result<Option<EventStatus>, String> {
    let status = proto::EventStatus::try_from(number).map_err(|_| "is not a known status".to_owned())?;
    Ok(match status {
        proto::EventStatus::Unspecified => None,
        proto::EventStatus::Draft => Some(EventStatus::Draft),
        proto::EventStatus::Submitted => Some(EventStatus::Submitted),
        proto::EventStatus::Approved => Some(EventStatus::Approved),
        proto::EventStatus::Rejected => Some(EventStatus::Rejected),
    })
}
