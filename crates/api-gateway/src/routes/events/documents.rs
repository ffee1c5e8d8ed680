//! What `/events` answers.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::{EventStatus, rules};
use eventboard_proto::events as proto;
use serde::Serialize;
use utoipa::ToSchema;

use super::listing::Place;
use crate::{clients::Backend, openapi::words, routes::time};

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// UUIDv7.
    #[schema(format = Uuid, example = "00000000-0000-0000-0000-000000000001")]
    id: String,
    #[schema(example = "Annual Tech Conference 2026")]
    title: String,
    description: String,
    #[schema(required = true, example = "San Francisco, CA")]
    location: Option<String>,
    #[schema(format = DateTime, example = "2026-06-15T09:00:00.000Z")]
    start_date: String,
    /// After the start.
    #[schema(format = DateTime, example = "2026-06-17T18:00:00.000Z")]
    end_date: String,
    #[schema(schema_with = words::status)]
    status: &'static str,
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

/// A part of the list of events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventPage {
    data: Vec<Event>,
    meta: PageMeta,
}

/// Which part it is, and of how much.
#[derive(Debug, Serialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageMeta {
    /// From 1; null behind a cursor.
    #[schema(required = true, minimum = 1)]
    page: Option<u64>,
    #[schema(minimum = 1, maximum = 100)]
    limit: u32,
    /// Events that match, counted up to 10,000.
    total: u32,
    /// Pages that `total` fills.
    total_pages: u32,
    has_previous: bool,
    has_next: bool,
    /// False when there are more than `total`.
    total_is_exact: bool,
    /// Goes on after this part, at the same cost however deep. Null when there is no more.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

impl TryFrom<proto::Event> for Event {
    type Error = ServiceError;

    fn try_from(event: proto::Event) -> Result<Self, ServiceError> {
        let instant = |timestamp: Option<prost_types::Timestamp>, name| {
            timestamp.and_then(time::to_json).ok_or_else(|| Backend::Events.broken_reply(name))
        };
        let status = status(event.status()).ok_or_else(|| Backend::Events.broken_reply("status"))?;
        Ok(Self {
            status: status.as_str(),
            start_date: instant(event.start_date, "start_date")?,
            end_date: instant(event.end_date, "end_date")?,
            created_at: instant(event.created_at, "created_at")?,
            updated_at: instant(event.updated_at, "updated_at")?,
            id: event.id,
            title: event.title,
            description: event.description,
            location: event.location,
            rejection_reason: event.rejection_reason,
            organization_id: event.organization_id,
            created_by_id: event.created_by_id,
        })
    }
}

impl EventPage {
    pub(super) fn new(place: Place, reply: proto::FindAllReply) -> Result<Self, ServiceError> {
        let meta = PageMeta::new(place, &reply);
        let data: Result<_, _> = reply.events.into_iter().map(Event::try_from).collect();
        Ok(Self { data: data?, meta })
    }
}

impl PageMeta {
    fn new(place: Place, reply: &proto::FindAllReply) -> Self {
        Self {
            page: place.page,
            limit: place.limit,
            total: reply.total,
            total_pages: reply.total.div_ceil(place.limit.max(*rules::LIMIT.start())),
            // A cursor always comes from a part before.
            has_previous: place.page.is_none_or(|page| page > 1),
            has_next: reply.has_next,
            total_is_exact: reply.total_is_exact,
            next_cursor: reply.next_cursor.clone(),
        }
    }
}

fn status(status: proto::EventStatus) -> Option<EventStatus> {
    match status {
        proto::EventStatus::Unspecified => None,
        proto::EventStatus::Draft => Some(EventStatus::Draft),
        proto::EventStatus::Submitted => Some(EventStatus::Submitted),
        proto::EventStatus::Approved => Some(EventStatus::Approved),
        proto::EventStatus::Rejected => Some(EventStatus::Rejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(page: Option<u64>, total: u32) -> PageMeta {
        let reply = proto::FindAllReply { total, total_is_exact: true, ..Default::default() };
        PageMeta::new(Place { page, limit: 10 }, &reply)
    }

    #[test]
    fn pages_are_counted_up() {
        assert_eq!(meta(Some(1), 0).total_pages, 0);
        assert_eq!(meta(Some(1), 10).total_pages, 1);
        assert_eq!(meta(Some(1), 11).total_pages, 2);
    }

    #[test]
    fn there_is_something_before_any_page_but_the_first() {
        assert!(!meta(Some(1), 5).has_previous);
        assert!(meta(Some(2), 5).has_previous);
        assert!(meta(None, 5).has_previous);
    }
}
