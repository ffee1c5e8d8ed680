//! `/board/events`: what is on, by day.

use askama::Template;
use axum::{
    Router,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::Violations;
use eventboard_proto::events::{FindAllReply, FindAllRequest, find_all_request::Position};
use http::StatusCode;

use crate::{
    Board,
    calls::{Calls, events_reply},
    dates::{Clock, timestamp},
    error::PageError,
    event::Event,
    event_filters::EventFilters,
    filter_words::DayWords,
    form::{Form, FormView, QueryFields},
    page::{Page, Section, SignedIn, redirect, render},
    pages::event_row::EventRow,
};

/// The path of the list.
pub(crate) const PATH: &str = "/board/events";

/// How many events a page shows.
const LIMIT: u32 = 100;

/// How long ago an event in progress may have begun, in days. Older ones are in the past events.
const IN_PROGRESS_DAYS: u64 = 14;

/// How many events in progress are shown.
const IN_PROGRESS_LIMIT: u32 = 20;

#[derive(Template)]
#[template(path = "pages/events.html")]
struct EventsPage {
    page: Page,
    filters: EventFilters,
    /// The filters as a form, with what is wrong with it.
    form: FormView,
    in_progress: Vec<EventRow>,
    days: Vec<EventDay>,
    /// The address of the next page.
    next: Option<String>,
    /// Whether it is a later page than the first one.
    is_continued: bool,
    /// Whether the whole list is empty, without a filter.
    empty: Option<EmptyBoard>,
}

/// Why there is nothing to list without a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EmptyBoard {
    /// Nothing was ever published.
    New,
    /// Everything is in the past.
    OnlyPast,
}

/// The events that begin on a day.
struct EventDay {
    date: NaiveDate,
    /// `Today` or `Tomorrow`.
    relative: Option<&'static str>,
    name: String,
    /// The name with the year, for print.
    full_name: String,
    rows: Vec<EventRow>,
}

/// The times between which the events of a list begin, and their order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Interval {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    descending: bool,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(events))
}

async fn events(signed_in: SignedIn, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let page = signed_in.page.in_section(Section::Events);
    let filters = match EventFilters::parse(&query, page.texts) {
        Ok(filters) => filters,
        Err(violations) => return refuse(page, &query, &violations, StatusCode::BAD_REQUEST),
    };
    let cursor = query.optional_text("cursor");
    let is_continued = cursor.is_some();
    match find(&signed_in.board, &signed_in.calls, &page.clock, &filters, cursor).await {
        Ok(found) => render(&events_page(page, filters, found, is_continued)),
        Err(error) => explain(page, &query, &filters, error),
    }
}

/// Shows the form with what is wrong with the filters, or the list from its beginning if the cursor is none of this list.
fn explain(
    page: Page,
    query: &Form,
    filters: &EventFilters,
    error: ServiceError,
) -> Result<Response, PageError> {
    let is_search = !filters.search.is_empty();
    let search_fault = |message: &str| Violations::one("search", message);
    match error.code() {
        ErrorCode::InvalidInput => {
            let rule = error.violations().iter().find(|violation| violation.field == "search");
            let rule = rule.map(|violation| violation.message.clone());
            match rule {
                Some(rule) => {
                    let message = (page.texts.common.violation)(page.texts.events.search, &rule);
                    refuse(page, query, &search_fault(&message), StatusCode::BAD_REQUEST)
                }
                None if query.has("cursor") => Ok(redirect(&filters.path(PATH, &[]))),
                None => Err(PageError::from(error)),
            }
        }
        ErrorCode::Overloaded if is_search => {
            let fault = search_fault(page.texts.events.search_too_broad);
            refuse(page, query, &fault, StatusCode::SERVICE_UNAVAILABLE)
        }
        _ => Err(error.into()),
    }
}

/// What the page lists.
struct Found {
    events: Vec<Event>,
    in_progress: Vec<Event>,
    next_cursor: Option<String>,
    empty: Option<EmptyBoard>,
}

async fn find(
    board: &Board,
    calls: &Calls,
    clock: &Clock,
    filters: &EventFilters,
    cursor: Option<String>,
) -> Result<Found, ServiceError> {
    let is_first_page = cursor.is_none();
    let interval = Interval::of(filters, clock);
    let list =
        FindAllRequest { position: cursor.map(Position::Cursor), ..request(filters, &interval, LIMIT) };
    let is_from_today = filters.from.is_none() && !interval.descending;
    let in_progress = (is_first_page && is_from_today).then(|| in_progress_request(filters, clock));
    let (list, in_progress) = tokio::join!(call(board, calls, list), async {
        match in_progress {
            Some(request) => call(board, calls, request).await,
            None => Ok(FindAllReply::default()),
        }
    });
    let FindAllReply { events, total: _, total_is_exact: _, has_next: _, next_cursor } = list?;
    let in_progress = match in_progress {
        // The list is more important than what goes on beside it.
        Err(error) if error.code() == ErrorCode::Overloaded => Vec::new(),
        in_progress => in_progress?.events,
    };
    let is_empty = events.is_empty() && in_progress.is_empty() && is_first_page;
    let empty = match is_empty && !filters.is_active() {
        true => Some(empty_board(board, calls, clock, filters).await?),
        false => None,
    };
    let parse = |events: Vec<_>| events.into_iter().map(Event::try_from).collect::<Result<Vec<_>, _>>();
    Ok(Found { events: parse(events)?, in_progress: parse(in_progress)?, next_cursor, empty })
}

async fn call(board: &Board, calls: &Calls, request: FindAllRequest) -> Result<FindAllReply, ServiceError> {
    events_reply(board.clients().events().find_all(calls.request(request)).await)
}

/// Whether there are past events, so that the page can lead to them.
async fn empty_board(
    board: &Board,
    calls: &Calls,
    clock: &Clock,
    filters: &EventFilters,
) -> Result<EmptyBoard, ServiceError> {
    if filters.earlier {
        return Ok(EmptyBoard::New);
    }
    let interval = Interval::of(&filters.with_earlier(true), clock);
    let reply = call(board, calls, request(filters, &interval, 1)).await?;
    Ok(if reply.events.is_empty() { EmptyBoard::New } else { EmptyBoard::OnlyPast })
}

fn request(filters: &EventFilters, interval: &Interval, limit: u32) -> FindAllRequest {
    FindAllRequest {
        limit,
        descending: interval.descending,
        status: filters.status.message(),
        search: filters.search.clone(),
        start_date_from: interval.from.map(timestamp),
        start_date_to: interval.to.map(timestamp),
        mine: filters.mine,
        ..FindAllRequest::default()
    }
}

/// Asks for what has begun before today and is not over.
fn in_progress_request(filters: &EventFilters, clock: &Clock) -> FindAllRequest {
    let first = clock.today().checked_sub_days(Days::new(IN_PROGRESS_DAYS));
    let interval = Interval {
        from: first.map(|date| clock.start_of_day(date)),
        to: Some(clock.start_of_day(clock.today()) - TimeDelta::milliseconds(1)),
        descending: false,
    };
    let request = request(filters, &interval, IN_PROGRESS_LIMIT);
    FindAllRequest { end_date_from: Some(timestamp(clock.now)), ..request }
}

impl Interval {
    /// Without a first day, the list begins today, or it goes back from its last day.
    fn of(filters: &EventFilters, clock: &Clock) -> Self {
        let today = clock.start_of_day(clock.today());
        if filters.earlier {
            let to = Some(today - TimeDelta::milliseconds(1));
            return Self { from: None, to, descending: true };
        }
        let ends_before_today = filters.to.is_some_and(|day| day < clock.today());
        let from = match filters.from {
            Some(day) => Some(clock.start_of_day(day)),
            None => (!ends_before_today).then_some(today),
        };
        Self { from, to: filters.to.map(|day| clock.end_of_day(day)), descending: from.is_none() }
    }
}

fn events_page(page: Page, filters: EventFilters, found: Found, is_continued: bool) -> EventsPage {
    let Found { events, in_progress, next_cursor, empty } = found;
    let in_progress = in_progress.into_iter().map(|event| {
        let times = page.clock.times_in_progress(&event);
        EventRow::new(&page.texts.common, event, times)
    });
    let in_progress = in_progress.collect();
    let days = by_day(&page, events);
    let next = next_cursor.map(|cursor| filters.path(PATH, &[("cursor", &cursor)]));
    let form = filters.form();
    EventsPage { page, filters, form, in_progress, days, next, is_continued, empty }
}

/// The form with what is wrong with the filters, and no events.
fn refuse(
    page: Page,
    query: &Form,
    violations: &Violations,
    status: StatusCode,
) -> Result<Response, PageError> {
    let filters = EventFilters::without_days(query);
    let form = FormView::with_violations(query, violations, |_, message| message.to_owned());
    let page = EventsPage {
        page,
        filters,
        form,
        in_progress: Vec::new(),
        days: Vec::new(),
        next: None,
        is_continued: false,
        empty: None,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// Groups events by the day on which they begin.
fn by_day(page: &Page, events: Vec<Event>) -> Vec<EventDay> {
    let clock = &page.clock;
    let mut days: Vec<EventDay> = Vec::new();
    for event in events {
        let date = clock.date(event.start);
        let times = clock.times_on_its_day(&event);
        let row = EventRow::new(&page.texts.common, event, times);
        match days.last_mut().filter(|day| day.date == date) {
            Some(day) => day.rows.push(row),
            None => days.push(EventDay {
                date,
                relative: clock.relative_day(date),
                name: clock.day(date),
                full_name: clock.full_day(date),
                rows: vec![row],
            }),
        }
    }
    days
}

impl EventsPage {
    /// Whether the filters can be used as they are.
    fn is_understood(&self) -> bool {
        self.form.errors().is_empty()
    }

    fn is_empty(&self) -> bool {
        self.days.is_empty() && self.in_progress.is_empty()
    }

    fn day_words(&self) -> DayWords {
        let day = |date| self.page.clock.day(date);
        match (self.filters.from, self.filters.to) {
            (Some(from), Some(to)) => DayWords::Between(day(from), day(to)),
            (Some(from), None) => DayWords::From(day(from)),
            (None, Some(to)) => DayWords::To(day(to)),
            (None, None) if self.filters.earlier => DayWords::BeforeToday,
            (None, None) => DayWords::FromToday,
        }
    }

    /// A sentence about what is listed, or that nothing is.
    fn sentence(&self) -> String {
        let texts = &self.page.texts.events;
        let words = self.filters.words(self.day_words());
        if self.is_empty() { (texts.nothing_listed)(&words) } else { (texts.listed)(&words) }
    }

    /// The address of the past events with the same filters. `None` if the list has days of its own.
    fn earlier_path(&self) -> Option<String> {
        let is_from_today = self.filters.from.is_none() && self.filters.to.is_none();
        let has_earlier = is_from_today && !self.filters.earlier;
        has_earlier.then(|| self.filters.with_earlier(true).path(PATH, &[]))
    }

    /// The address of the events from today on with the same filters.
    fn upcoming_path(&self) -> String {
        self.filters.with_earlier(false).path(PATH, &[])
    }

    /// The address of the first page of the list.
    fn first_path(&self) -> String {
        self.filters.path(PATH, &[])
    }

    /// The address of the month with the filters that it has, too.
    fn month_path(&self) -> String {
        let filters = EventFilters {
            search: String::new(),
            from: None,
            to: None,
            earlier: false,
            ..self.filters.clone()
        };
        filters.path(super::MONTH_PATH, &[])
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::texts::ENGLISH;

    fn clock() -> Clock {
        Clock { now: utc("2026-03-02T09:00:00Z"), zone: Tz::Europe__Berlin, texts: &ENGLISH.dates }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn interval(query: &str) -> Interval {
        let filters = EventFilters::parse(&Form::parse(query.as_bytes()), &ENGLISH).expect("filters");
        Interval::of(&filters, &clock())
    }

    #[test]
    fn a_list_begins_today_or_goes_back_from_its_last_day() {
        for (query, from, to) in [
            ("", Some("2026-03-01T23:00:00Z"), None),
            ("earlier=1", None, Some("2026-03-01T22:59:59.999Z")),
            ("to=2026-03-02", Some("2026-03-01T23:00:00Z"), Some("2026-03-02T22:59:59.999Z")),
            ("to=2026-03-01", None, Some("2026-03-01T22:59:59.999Z")),
            ("from=2026-03-29", Some("2026-03-28T23:00:00Z"), None),
            (
                "from=2026-03-29&to=2026-03-29&earlier=1",
                Some("2026-03-28T23:00:00Z"),
                Some("2026-03-29T21:59:59.999Z"),
            ),
        ] {
            let expected = Interval { from: from.map(utc), to: to.map(utc), descending: from.is_none() };
            assert_eq!(interval(query), expected, "{query}");
        }
    }
}
