//! Converts results of the use cases into protobuf messages.

use eventboard_chassis::error::ServiceError;
use eventboard_idempotency::WriteResponse;
use eventboard_proto::events::{DeleteReply, EventReply, FindAllReply};
use tonic::Response;

use crate::{
    listing::Page,
    message::{decode_response, event_message},
};

/// Converts the response of a write that returns an event.
pub(super) fn event(response: &WriteResponse) -> Result<Response<EventReply>, ServiceError> {
    let WriteResponse { encoded, replayed } = response;
    Ok(Response::new(EventReply { event: Some(decode_response(encoded)?), replayed: *replayed }))
}

/// Converts the response of a deletion, which contains no event.
pub(super) fn deletion(response: &WriteResponse) -> Response<DeleteReply> {
    let WriteResponse { encoded: _, replayed } = response;
    Response::new(DeleteReply { replayed: *replayed })
}

/// Converts a page and the cursor of the next page.
pub(super) fn page(page: Page<String>) -> FindAllReply {
    let Page { events, next, total, total_is_exact } = page;
    FindAllReply {
        events: events.into_iter().map(event_message).collect(),
        total,
        total_is_exact,
        has_next: next.is_some(),
        next_cursor: next,
    }
}
