//! `/board/my-events`: the viewer's own events, by what is to be done with them.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::EventStatus;
use eventboard_proto::events::{self as proto, FindAllRequest, SortBy};
use futures::future::try_join_all;

use crate::{
    Board,
    calls::{Calls, events_reply},
    error::PageError,
    event::{Event, StatusMark, status_name},
    page::{Page, Section, SignedIn, render},
    pages::event_row::EventRow,
    query::with_query,
};

/// The path of the page.
pub(crate) const PATH: &str = "/board/my-events";

/// How many events of a group are shown.
const LIMIT: u32 = 20;

/// How much of a reason is shown, in characters.
const REASON_LENGTH: usize = 140;

/// The groups: first those that need the viewer.
const GROUPS: [EventStatus; 4] =
    [EventStatus::Rejected, EventStatus::Draft, EventStatus::Submitted, EventStatus::Approved];

#[derive(Template)]
#[template(path = "pages/my_events.html")]
struct MyEventsPage {
    page: Page,
    /// Without the empty ones.
    groups: Vec<Group>,
}

/// The events of a status.
struct Group {
    status: EventStatus,
    /// The link to all of them.
    all: &'static str,
    rows: Vec<EventRow>,
    has_more: bool,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(show))
}

async fn show(signed_in: SignedIn) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    let groups = GROUPS.map(|status| Group::find(&board, &calls, &page, status));
    let groups = try_join_all(groups).await?;
    let groups = groups.into_iter().filter(|group| !group.rows.is_empty()).collect();
    render(&MyEventsPage { page: page.in_section(Section::MyEvents), groups })
}

impl MyEventsPage {
    /// The marks of the four steps of an event, in this order.
    fn marks(&self) -> [StatusMark; 4] {
        let steps =
            [EventStatus::Draft, EventStatus::Submitted, EventStatus::Rejected, EventStatus::Approved];
        steps.map(|status| StatusMark::of(&self.page.texts.common, status))
    }

    fn published_step(&self) -> String {
        let organization = self.page.viewer().map_or("", |viewer| &viewer.organization_name);
        (self.page.texts.events.published_step)(organization)
    }
}

impl Group {
    /// The newest events with the status.
    async fn find(
        board: &Board,
        calls: &Calls,
        page: &Page,
        status: EventStatus,
    ) -> Result<Self, ServiceError> {
        let request = FindAllRequest {
            limit: LIMIT,
            sort_by: SortBy::CreatedAt.into(),
            descending: true,
            status: proto::EventStatus::from(status).into(),
            mine: true,
            ..FindAllRequest::default()
        };
        let reply = events_reply(board.clients().events().find_all(calls.request(request)).await)?;
        let rows = reply.events.into_iter().map(|event| row(page, event));
        let all = (page.texts.events.all_of_group)(status);
        Ok(Self { status, all, rows: rows.collect::<Result<_, _>>()?, has_more: reply.has_next })
    }

    fn name(&self) -> &'static str {
        status_name(self.status)
    }

    /// The address of all events of the group.
    fn path(&self) -> String {
        with_query(super::events::PATH, [("mine", "1"), ("status", self.name())])
    }

    fn heading(&self, page: &Page) -> &'static str {
        let texts = &page.texts.events;
        match self.status {
            EventStatus::Rejected => texts.sent_back_group,
            EventStatus::Draft => texts.drafts_group,
            EventStatus::Submitted => page.texts.common.in_review,
            EventStatus::Approved => page.texts.common.published,
        }
    }

    fn hint(&self, page: &Page) -> &'static str {
        let texts = &page.texts.events;
        match self.status {
            EventStatus::Rejected => texts.sent_back_group_hint,
            EventStatus::Draft => texts.drafts_group_hint,
            EventStatus::Submitted => texts.in_review_group_hint,
            EventStatus::Approved => texts.published_group_hint,
        }
    }
}

/// The group tells the status.
fn row(page: &Page, event: proto::Event) -> Result<EventRow, ServiceError> {
    let event = Event::try_from(event)?;
    let quoted = page.texts.events.quoted;
    let reason = event.rejection_reason.as_deref().map(|reason| quoted(&excerpt(reason)));
    let times = page.clock.times_with_day(&event);
    Ok(EventRow { status: None, reason, ..EventRow::new(&page.texts.common, event, times) })
}

/// The first line of a text, or as much of it as is shown.
fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(REASON_LENGTH).collect();
    if shown.len() < text.trim_end().len() {
        shown.truncate(shown.trim_end().len());
        shown.push_str(if shown.ends_with(char::is_alphanumeric) { "…" } else { " …" });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_told_in_part() {
        assert_eq!(excerpt("Too short a notice.\n"), "Too short a notice.");
        assert_eq!(excerpt("The room is taken. \nTell who pays."), "The room is taken. …");
        assert_eq!(excerpt(&"ä".repeat(141)), format!("{}…", "ä".repeat(140)));
    }
}
