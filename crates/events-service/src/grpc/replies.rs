//! Converts results of the use cases into protobuf messages.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::StorageUsage;
use eventboard_idempotency::WriteResponse;
use eventboard_proto::{
    convert::timestamp,
    events::{
        Day as DayMessage, DeleteReply, EventReply, ExportReply, FindAllReply, FindDaysReply, FindQueueReply,
        HistoryAction, HistoryEntry as HistoryEntryMessage, ListPeopleReply, Person as PersonMessage,
        QueueSummaryReply, TransferReply, UsageReply,
    },
};
use prost::Message;
use tonic::Response;

use crate::{
    copy::{CopyPage, CopyPosition, HistoryEntry},
    days::Day,
    listing::Page,
    message::{decode_response, event_message},
    person::Person,
    queue::{QueuePage, QueueSummary},
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

/// Converts what starts on each day.
pub(super) fn days(days: Vec<Day>) -> FindDaysReply {
    let day = |Day { events, total, total_is_exact }| DayMessage {
        events: events.into_iter().map(event_message).collect(),
        total,
        total_is_exact,
    };
    FindDaysReply { days: days.into_iter().map(day).collect() }
}

/// Converts a page of the queue and the cursor of the next page.
pub(super) fn queue(page: QueuePage<String>) -> FindQueueReply {
    let QueuePage { events, next } = page;
    FindQueueReply { events: events.into_iter().map(event_message).collect(), next_cursor: next }
}

pub(super) fn queue_summary(summary: QueueSummary) -> QueueSummaryReply {
    let QueueSummary { waiting, is_exact, oldest_submitted_at, starting_within_week } = summary;
    let oldest_submitted_at = oldest_submitted_at.map(timestamp);
    QueueSummaryReply { waiting, is_exact, oldest_submitted_at, starting_within_week }
}
