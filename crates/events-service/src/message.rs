//! The message of an event, which is also how responses are kept for replay.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Event;
use eventboard_proto::{
    convert::timestamp,
    events::{Event as EventMessage, EventStatus as EventStatusMessage},
};
use prost::Message;

/// The event as callers see it.
pub(crate) fn message(event: Event) -> EventMessage {
    let Event {
        id,
        organization_id,
        created_by_id,
        title,
        description,
        location,
        start_date,
        end_date,
        status,
        rejection_reason,
        created_at,
        updated_at,
        version,
    } = event;
    EventMessage {
        id: id.to_string(),
        title,
        description,
        location,
        start_date: Some(timestamp(start_date)),
        end_date: Some(timestamp(end_date)),
        status: EventStatusMessage::from(status).into(),
        rejection_reason,
        organization_id: organization_id.to_string(),
        created_by_id: created_by_id.to_string(),
        created_at: Some(timestamp(created_at)),
        updated_at: Some(timestamp(updated_at)),
        version,
    }
}

/// The response to keep for a write that left this event; empty for one that left none.
pub(crate) fn encode(remaining: Option<Event>) -> Vec<u8> {
    remaining.map(|event| message(event).encode_to_vec()).unwrap_or_default()
}

/// A response that was kept.
///
/// # Errors
/// When it cannot be read, which is a defect.
pub(crate) fn decode(response: &[u8]) -> Result<EventMessage, ServiceError> {
    EventMessage::decode(response).map_err(ServiceError::internal)
}
