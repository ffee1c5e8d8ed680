//! When an event is, as pages write it.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use crate::{dates::Clock, event::Event};

/// What lasts longer does not end in the night after its day.
const LONGEST_NIGHT: TimeDelta = TimeDelta::hours(12);

/// A piece of the time of an event in a list. Its line is not broken inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TimePiece {
    /// The attribute `datetime`.
    pub(crate) datetime: String,
    pub(crate) text: String,
    /// Whether its line may be broken all the same, because it is long.
    pub(crate) can_break: bool,
}

impl TimePiece {
    fn new(datetime: String, text: String) -> Self {
        Self { datetime, text, can_break: false }
    }

    fn breakable(datetime: String, text: String) -> Self {
        Self { datetime, text, can_break: true }
    }
}

impl Clock {
    /// The time of an event below the heading of the day on which it begins: `10:00–16:00`.
    pub(crate) fn times_on_its_day(&self, event: &Event) -> Vec<TimePiece> {
        let (first, last) = self.days_of(event);
        let is_all_day = self.is_all_day(event.start, event.end);
        let start = match is_all_day {
            true => TimePiece::new(first.to_string(), self.texts.all_day.to_owned()),
            false => TimePiece::new(self.iso(event.start), self.time(event.start)),
        };
        let is_night = last != first && event.end - event.start <= LONGEST_NIGHT;
        if !is_all_day && (last == first || is_night) {
            return vec![TimePiece { text: self.hours(event), ..start }];
        }
        let end = TimePiece::breakable(last.to_string(), (self.texts.until)(&unbroken(&self.day(last))));
        if last == first { vec![start] } else { vec![start, end] }
    }

    /// The end of an event that has begun before: `until Thu 5 March, 17:00`.
    pub(crate) fn times_in_progress(&self, event: &Event) -> Vec<TimePiece> {
        let (_, last) = self.days_of(event);
        let day = unbroken(&self.day(last));
        let piece = if self.is_all_day(event.start, event.end) {
            TimePiece::breakable(last.to_string(), (self.texts.until)(&day))
        } else {
            let end = (self.texts.day_and_time)(&day, &self.time(event.end));
            TimePiece::breakable(self.iso(event.end), (self.texts.until)(&end))
        };
        vec![piece]
    }

    /// The day and the time of an event in a list that is not ordered by days.
    pub(crate) fn times_with_day(&self, event: &Event) -> Vec<TimePiece> {
        let (first, _) = self.days_of(event);
        let day = (self.texts.day_before_time)(&self.day(first));
        let mut pieces = vec![TimePiece::new(first.to_string(), day)];
        pieces.extend(self.times_on_its_day(event));
        pieces
    }

    /// When it begins, for a cell of the month: `10:00`, or `all day`.
    pub(crate) fn beginning(&self, event: &Event) -> TimePiece {
        match self.is_all_day(event.start, event.end) {
            true => TimePiece::new(self.date(event.start).to_string(), self.texts.all_day.to_owned()),
            false => TimePiece::new(self.iso(event.start), self.time(event.start)),
        }
    }

    /// `Tue 3 March, 10:00–16:00`. Years are left out if they are this one.
    pub(crate) fn when(&self, event: &Event) -> String {
        self.when_with(event, |date| self.day(date))
    }

    /// `Tue 3 March 2026, 10:00–16:00`.
    pub(crate) fn when_in_full(&self, event: &Event) -> String {
        self.when_with(event, |date| self.full_day(date))
    }

    fn when_with(&self, event: &Event, day: impl Fn(NaiveDate) -> String) -> String {
        let (first, last) = self.days_of(event);
        let on_day = |date: NaiveDate, time: &str| (self.texts.day_and_time)(&day(date), time);
        match (self.is_all_day(event.start, event.end), first == last) {
            (true, true) => on_day(first, self.texts.all_day),
            (true, false) => {
                let days = (self.texts.span)(&day(first), &day(last));
                (self.texts.day_and_time)(&days, self.texts.all_day)
            }
            (false, true) => on_day(first, &self.hours(event)),
            (false, false) => {
                let end_day = self.date(event.end);
                let start = on_day(first, &self.time(event.start));
                (self.texts.span)(&start, &on_day(end_day, &self.time(event.end)))
            }
        }
    }

    fn hours(&self, event: &Event) -> String {
        (self.texts.hours)(&self.time(event.start), &self.time(event.end))
    }

    /// The first and the last day of an event. One that ends at midnight does not touch the day that begins there.
    fn days_of(&self, event: &Event) -> (NaiveDate, NaiveDate) {
        let first = self.date(event.start);
        let last = self.date(event.end - TimeDelta::milliseconds(1));
        (first, last.max(first))
    }

    /// The last instant of a day, for a filter that includes it. Times have milliseconds.
    pub(crate) fn end_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
        self.start_of_day(next) - TimeDelta::milliseconds(1)
    }
}

/// A text whose line is not broken at its spaces.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use eventboard_domain::EventStatus;

    use super::*;
    use crate::texts::ENGLISH;

    fn clock() -> Clock {
        let now = utc("2026-03-02T09:00:00Z");
        Clock { now, zone: Tz::Europe__Berlin, texts: &ENGLISH.dates }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn event(start: &str, end: &str) -> Event {
        let (start, end) = (utc(start), utc(end));
        Event {
            id: String::new(),
            title: String::new(),
            description: String::new(),
            location: None,
            start,
            end,
            status: EventStatus::Approved,
            rejection_reason: None,
            owner_id: String::new(),
            created_at: start,
            updated_at: start,
            submitted_at: None,
            version: 1,
        }
    }

    fn texts(pieces: &[TimePiece]) -> String {
        pieces.iter().map(|piece| piece.text.replace('\u{a0}', " ")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_event_is_told_by_its_hours_or_its_days() {
        for (start, end, on_its_day, in_full) in [
            ("2026-03-03T09:00:00Z", "2026-03-03T15:00:00Z", "10:00–16:00", "Tue 3 March 2026, 10:00–16:00"),
            ("2026-03-02T23:00:00Z", "2026-03-03T23:00:00Z", "all day", "Tue 3 March 2026, all day"),
            (
                "2026-03-02T23:00:00Z",
                "2026-03-05T23:00:00Z",
                "all day until Thu 5 March",
                "Tue 3 March 2026 – Thu 5 March 2026, all day",
            ),
            (
                "2026-03-03T09:00:00Z",
                "2026-03-05T15:00:00Z",
                "10:00 until Thu 5 March",
                "Tue 3 March 2026, 10:00 – Thu 5 March 2026, 16:00",
            ),
            // A night belongs to its evening.
            (
                "2026-03-03T21:00:00Z",
                "2026-03-04T01:00:00Z",
                "22:00–02:00",
                "Tue 3 March 2026, 22:00 – Wed 4 March 2026, 02:00",
            ),
            ("2026-03-03T17:00:00Z", "2026-03-03T23:00:00Z", "18:00–00:00", "Tue 3 March 2026, 18:00–00:00"),
        ] {
            let event = event(start, end);
            assert_eq!(texts(&clock().times_on_its_day(&event)), on_its_day);
            assert_eq!(clock().when_in_full(&event), in_full);
        }
    }

    #[test]
    fn what_is_in_progress_tells_its_end_and_a_list_without_days_tells_the_day() {
        let days = event("2026-02-27T09:00:00Z", "2026-03-03T16:00:00Z");
        assert_eq!(texts(&clock().times_in_progress(&days)), "until Tue 3 March, 17:00");
        assert_eq!(texts(&clock().times_with_day(&days)), "Fri 27 February, 10:00 until Tue 3 March");
        let all_day = event("2026-02-27T23:00:00Z", "2026-03-03T23:00:00Z");
        assert_eq!(texts(&clock().times_in_progress(&all_day)), "until Tue 3 March");
        assert_eq!(clock().when(&all_day), "Sat 28 February – Tue 3 March, all day");
    }

    #[test]
    fn a_day_ends_just_before_the_next_one_also_when_the_clock_changes() {
        let date = "2026-03-29".parse().expect("a date");
        assert_eq!(clock().end_of_day(date), utc("2026-03-29T21:59:59.999Z"));
    }
}
