//! Converts results of the use cases into protobuf messages.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::StorageUsage;
use eventboard_idempotency::WriteResponse;
use eventboard_proto::{
    convert::timestamp,
    events::{
        DeleteReply, EventReply, ExportReply, FindAllReply, HistoryAction,
        HistoryEntry as HistoryEntryMessage, ListPeopleReply, Person as PersonMessage, TransferReply,
        UsageReply,
    },
};
use prost::Message;
use tonic::Response;

use crate::{
    copy::{CopyPage, CopyPosition, HistoryEntry},
    listing::Page,
    message::{decode_response, event_message},
    person::Person,
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

/// Converts the response of a transfer.
pub(super) fn transfer(response: &WriteResponse) -> Result<Response<TransferReply>, ServiceError> {
    let WriteResponse { encoded, replayed } = response;
    let reply = TransferReply::decode(&**encoded).map_err(ServiceError::internal)?;
    Ok(Response::new(TransferReply { replayed: *replayed, ..reply }))
}

pub(super) fn people(people: Vec<Person>) -> ListPeopleReply {
    let person = |Person { id, display_name }| PersonMessage { id: id.to_string(), display_name };
    ListPeopleReply { people: people.into_iter().map(person).collect() }
}

pub(super) fn usage(usage: Option<StorageUsage>) -> UsageReply {
    UsageReply { events: usage.map(|usage| usage.events), bytes: usage.map(|usage| usage.bytes) }
}

/// Converts a page of a copy.
pub(super) fn copy(page: CopyPage) -> ExportReply {
    let CopyPage { events, history, next } = page;
    let entry = |HistoryEntry { id: _, event_id, action, reason, at }| HistoryEntryMessage {
        event_id: event_id.to_string(),
        action: HistoryAction::from(action).into(),
        reason,
        at: Some(timestamp(at)),
    };
    ExportReply {
        events: events.into_iter().map(event_message).collect(),
        history: history.into_iter().map(entry).collect(),
        next_cursor: next.map(CopyPosition::to_cursor),
    }
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
