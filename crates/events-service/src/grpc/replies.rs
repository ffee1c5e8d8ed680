//! Answers turned into messages.

use eventboard_chassis::error::ServiceError;
use eventboard_idempotency::Answer;
use eventboard_proto::events::{DeleteReply, EventReply, FindAllReply};
use tonic::Response;

use crate::{
    listing::Page,
    message::{decode, message},
};

/// The event that a write left, now or the first time.
pub(super) fn event(answer: &Answer) -> Result<Response<EventReply>, ServiceError> {
    let Answer { response, replayed } = answer;
    Ok(Response::new(EventReply { event: Some(decode(response)?), replayed: *replayed }))
}

/// A deletion leaves nothing to show.
pub(super) fn deleted(answer: &Answer) -> Response<DeleteReply> {
    let Answer { response: _, replayed } = answer;
    Response::new(DeleteReply { replayed: *replayed })
}

/// One page of a listing with the cursor of the next one.
pub(super) fn page(page: Page<String>) -> FindAllReply {
    let Page { events, next, total, total_is_exact } = page;
    FindAllReply {
        events: events.into_iter().map(message).collect(),
        total,
        total_is_exact,
        has_next: next.is_some(),
        next_cursor: next,
    }
}
