//! `/board/events/month`: what begins on each day of a month.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use chrono::{Datelike, Days, Months, NaiveDate};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::EventStatus;
use eventboard_proto::events::{self as proto, FindDaysRequest};

use super::MONTH_PATH as PATH;
use crate::{
    Board,
    calls::events_reply,
    dates::{Clock, timestamp},
    error::PageError,
    event::{Event, StatusMark},
    event_filters::{self, EventFilters},
    event_times::TimePiece,
    filter_words::DayWords,
    form::QueryFields,
    page::{Page, Section, SignedIn, render},
};

/// How many events of a day are shown.
const PER_DAY: u32 = 3;

const DAYS_OF_WEEK: usize = 7;

#[derive(Template)]
#[template(path = "pages/month.html")]
struct MonthPage {
    page: Page,
    filters: EventFilters,
    /// The first day of the month.
    month: NaiveDate,
    weeks: Vec<Vec<MonthDay>>,
}

/// A day of the table.
struct MonthDay {
    date: NaiveDate,
    /// `Tue 3 March,`, before the time of each event.
    before_time: String,
    /// `Tue 3 March`, or `Today, Mon 2 March`.
    name: String,
    is_today: bool,
    /// Whether it belongs to another month.
    is_outside: bool,
    entries: Vec<MonthEntry>,
    /// The link to the events that are not shown.
    more: Option<More>,
}

/// The link to the events of a day that are not shown.
struct More {
    path: String,
    text: String,
    /// The text with the day.
    label: String,
}

/// An event of a day.
struct MonthEntry {
    path: String,
    title: String,
    beginning: TimePiece,
    /// `None` for a published event.
    status: Option<StatusMark>,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(show))
}

async fn show(signed_in: SignedIn, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    let filters = EventFilters::without_days(&query);
    let month = event_filters::month(query.value("month")).unwrap_or_else(|| first_of(page.clock.today()));
    let days = days_of_table(month);
    let request = request(&filters, &page.clock, &days);
    let reply = events_reply(board.clients().events().find_days(calls.request(request)).await)?;
    if reply.days.len() != days.len() {
        return Err(Backend::Events.invalid_reply("days").into());
    }
    let mut page = MonthPage { page: page.in_section(Section::Events), filters, month, weeks: Vec::new() };
    let days = days.into_iter().zip(reply.days).map(|(date, day)| page.day(date, day));
    page.weeks = weeks(days.collect::<Result<_, _>>()?);
    render(&page)
}

fn request(filters: &EventFilters, clock: &Clock, days: &[NaiveDate]) -> FindDaysRequest {
    let end = days.last().and_then(|day| day.checked_add_days(Days::new(1)));
    let bounds = days.iter().copied().chain(end).map(|day| timestamp(clock.start_of_day(day)));
    FindDaysRequest {
        bounds: bounds.collect(),
        per_day: PER_DAY,
        status: filters.status.message(),
        mine: filters.mine,
    }
}

fn first_of(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The days of all weeks that the month touches, from a Monday to a Sunday.
fn days_of_table(month: NaiveDate) -> Vec<NaiveDate> {
    let before = month.weekday().num_days_from_monday();
    let days = before + u32::from(month.num_days_in_month());
    let first = month.checked_sub_days(Days::new(before.into())).unwrap_or(month);
    first.iter_days().take((days as usize).next_multiple_of(DAYS_OF_WEEK)).collect()
}

fn weeks(days: Vec<MonthDay>) -> Vec<Vec<MonthDay>> {
    let mut days = days.into_iter();
    let mut weeks = Vec::new();
    loop {
        let week: Vec<_> = days.by_ref().take(DAYS_OF_WEEK).collect();
        if week.is_empty() {
            return weeks;
        }
        weeks.push(week);
    }
}

impl MonthDay {
    fn number(&self) -> u32 {
        self.date.day()
    }

    /// The class of the cell.
    fn class(&self) -> &'static str {
        match (self.is_today, self.is_outside) {
            (true, true) => "today outside",
            (true, false) => "today",
            (false, true) => "outside",
            (false, false) => "",
        }
    }
}

impl MonthPage {
    fn day(&self, date: NaiveDate, day: proto::Day) -> Result<MonthDay, ServiceError> {
        let (clock, texts) = (&self.page.clock, self.page.texts);
        let proto::Day { events, total, total_is_exact } = day;
        let shown = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let day = clock.day(date);
        let more = (total > shown).then(|| More {
            path: self.day_path(date),
            text: (texts.events.more)(total - shown, total_is_exact),
            label: (texts.events.more_on)(total - shown, total_is_exact, &day),
        });
        let entries = events.into_iter().map(|event| self.entry(event)).collect::<Result<_, _>>()?;
        let is_today = date == clock.today();
        let before_time = (texts.dates.day_before_time)(&day);
        let name = if is_today { (texts.events.today)(&day) } else { day };
        let is_outside = first_of(date) != self.month;
        Ok(MonthDay { date, before_time, name, is_today, is_outside, entries, more })
    }

    fn entry(&self, event: proto::Event) -> Result<MonthEntry, ServiceError> {
        let event = Event::try_from(event)?;
        let beginning = self.page.clock.beginning(&event);
        let is_published = event.status == EventStatus::Approved;
        let status = (!is_published).then(|| StatusMark::of(&self.page.texts.common, event.status));
        Ok(MonthEntry { path: event.path(), title: event.title, beginning, status })
    }

    fn name(&self) -> String {
        self.page.clock.month(self.month)
    }

    fn title(&self) -> String {
        self.page.title(&self.name())
    }

    fn nothing(&self) -> String {
        (self.page.texts.events.nothing_in_month)(&self.name())
    }

    fn is_empty(&self) -> bool {
        self.weeks.iter().flatten().all(|day| day.entries.is_empty())
    }

    /// The address of the month before, and its name.
    fn previous(&self) -> Option<(String, String)> {
        let month = self.month.checked_sub_months(Months::new(1))?;
        Some((
            self.month_path(month)?,
            (self.page.texts.events.previous_month)(&self.page.clock.month(month)),
        ))
    }

    /// The address of the month after, and its name.
    fn next(&self) -> Option<(String, String)> {
        let month = self.month.checked_add_months(Months::new(1))?;
        Some((self.month_path(month)?, (self.page.texts.events.next_month)(&self.page.clock.month(month))))
    }

    /// The address of a month, if pages show it.
    fn month_path(&self, month: NaiveDate) -> Option<String> {
        let name = month.format("%Y-%m").to_string();
        event_filters::month(&name)?;
        Some(self.filters.path(PATH, &[("month", &name)]))
    }

    /// The list of a day with the same filters.
    fn day_path(&self, date: NaiveDate) -> String {
        let days = EventFilters { from: Some(date), to: Some(date), ..self.filters.clone() };
        days.path(super::events::PATH, &[])
    }

    /// The list with the same filters.
    fn list_path(&self) -> String {
        self.filters.path(super::events::PATH, &[])
    }

    /// This month with the same filters.
    fn today_path(&self) -> String {
        self.filters.path(PATH, &[])
    }

    /// The month without filters.
    fn unfiltered_path(&self) -> String {
        format!("{PATH}?month={}", self.month.format("%Y-%m"))
    }

    fn sentence(&self) -> String {
        (self.page.texts.events.listed)(&self.filters.words(DayWords::Untold))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::{form::Form, texts::ENGLISH};

    fn month(text: &str) -> NaiveDate {
        event_filters::month(text).expect("a month")
    }

    #[test]
    fn a_month_has_whole_weeks() {
        for (text, first, last, count) in [
            ("2026-02", "2026-01-26", "2026-03-01", 35),
            ("2027-02", "2027-02-01", "2027-02-28", 28),
            ("2026-03", "2026-02-23", "2026-04-05", 42),
            ("1970-01", "1969-12-29", "1970-02-01", 35),
        ] {
            let days = days_of_table(month(text));
            assert_eq!(days.first().map(ToString::to_string).as_deref(), Some(first));
            assert_eq!(days.last().map(ToString::to_string).as_deref(), Some(last));
            assert_eq!(days.len(), count);
        }
    }

    #[test]
    fn each_day_begins_after_the_one_before_also_where_a_day_is_skipped() {
        for (zone, text) in
            [(Tz::Pacific__Apia, "2011-12"), (Tz::Europe__Berlin, "2026-03"), (Tz::UTC, "2100-12")]
        {
            let clock = Clock { now: chrono::DateTime::UNIX_EPOCH, zone, texts: &ENGLISH.dates };
            let filters = EventFilters::without_days(&Form::default());
            let bounds = request(&filters, &clock, &days_of_table(month(text))).bounds;
            assert!(bounds.len() <= 43 && bounds.is_sorted_by(|one, next| one.seconds < next.seconds));
        }
    }
}
