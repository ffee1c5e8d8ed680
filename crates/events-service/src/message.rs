//! The protobuf message of an event. It is also the format of stored responses.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Event;
use eventboard_proto::{
    convert::timestamp,
    events::{Event as EventMessage, EventStatus as EventStatusMessage},
};
use prost::Message;

/// Converts an event into its protobuf message.
pub(crate) fn event_message(event: Event) -> EventMessage {
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
        submitted_at,
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
        submitted_at: submitted_at.map(timestamp),
    }
}

/// Encodes the response to store for a write. It is empty when the event was deleted.
pub(crate) fn encode_response(event: Option<&Event>) -> Vec<u8> {
    event.map(|event| event_message(event.clone()).encode_to_vec()).unwrap_or_default()
}

/// Decodes a stored response.
///
/// # Errors
/// When the response is malformed, which is a defect.
pub(crate) fn decode_response(response: &[u8]) -> Result<EventMessage, ServiceError> {
    EventMessage::decode(response).map_err(ServiceError::internal)
}
