//! Times as people read them.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use prost_types::Timestamp;

use crate::texts::DateTexts;

/// How a browser writes what `<input type="datetime-local">` contains.
const LOCAL_INPUT: &str = "%Y-%m-%dT%H:%M";

/// What a clock in the reader's zone says, and how the reader's language writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// The time of the request.
    pub(crate) now: DateTime<Utc>,
    /// The reader's zone.
    pub(crate) zone: Tz,
    pub(crate) texts: &'static DateTexts,
}

/// Why a local time is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalTimeError {
    /// It is no date and time.
    Malformed,
    /// The clock was put forward over it.
    Skipped,
}

impl Clock {
    /// The time in the reader's zone.
    pub(crate) fn local(&self, at: DateTime<Utc>) -> DateTime<Tz> {
        at.with_timezone(&self.zone)
    }

    /// The reader's date of a time.
    pub(crate) fn date(&self, at: DateTime<Utc>) -> NaiveDate {
        self.local(at).date_naive()
    }

    /// The reader's date of today.
    pub(crate) fn today(&self) -> NaiveDate {
        self.date(self.now)
    }

    /// `Tue 3 March`, with the year if it is not this one.
    pub(crate) fn day(&self, date: NaiveDate) -> String {
        let year = (date.year() != self.today().year()).then(|| date.year());
        let weekday = self.texts.weekdays[date.weekday().num_days_from_monday() as usize];
        let month = self.texts.months[date.month0() as usize];
        (self.texts.day)(weekday, date.day(), month, year)
    }

    /// `Tue 3 March 2026`.
    pub(crate) fn full_day(&self, date: NaiveDate) -> String {
        let weekday = self.texts.weekdays[date.weekday().num_days_from_monday() as usize];
        let month = self.texts.months[date.month0() as usize];
        (self.texts.day)(weekday, date.day(), month, Some(date.year()))
    }

    /// `Today` and `Tomorrow`. `None` for any other day.
    pub(crate) fn relative_day(&self, date: NaiveDate) -> Option<&'static str> {
        let today = self.today();
        match date {
            _ if date == today => Some(self.texts.today),
            _ if Some(date) == today.checked_add_days(Days::new(1)) => Some(self.texts.tomorrow),
            _ => None,
        }
    }

    /// `March 2026`.
    pub(crate) fn month(&self, date: NaiveDate) -> String {
        (self.texts.month_of_year)(self.texts.months[date.month0() as usize], date.year())
    }

    /// `10:00`.
    pub(crate) fn time(&self, at: DateTime<Utc>) -> String {
        self.local(at).format("%H:%M").to_string()
    }

    /// `Tue 3 March, 10:00`.
    pub(crate) fn day_and_time(&self, at: DateTime<Utc>) -> String {
        (self.texts.day_and_time)(&self.day(self.date(at)), &self.time(at))
    }

    /// For the attribute `datetime`: RFC 3339 with the offset of the reader's zone.
    pub(crate) fn iso(&self, at: DateTime<Utc>) -> String {
        self.local(at).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Whether an event lasts exactly from the beginning of a day to the beginning of another one.
    pub(crate) fn is_all_day(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        [start, end].into_iter().all(|at| self.start_of_day(self.date(at)) == at)
    }

    /// How long something has waited: `waiting 3 days`.
    pub(crate) fn waiting(&self, since: DateTime<Utc>) -> String {
        (self.texts.waiting)(self.now.signed_duration_since(since).max(TimeDelta::zero()))
    }

    /// The first instant of a day. It is later than midnight where the clock is put forward over midnight.
    pub(crate) fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        let midnight = date.and_time(NaiveTime::MIN);
        let mut quarters = (0..24 * 4).map(|quarter| midnight + TimeDelta::minutes(15 * quarter));
        let first = quarters.find_map(|local| self.zone.from_local_datetime(&local).earliest());
        // A zone that skips a whole day has no instant of it. The day before ends there.
        first.map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
    }

    /// What an input for a time shows.
    pub(crate) fn input(&self, at: DateTime<Utc>) -> String {
        self.local(at).format(LOCAL_INPUT).to_string()
    }

    /// Reads what was typed into an input for a time. Of two instants with the same local time, it is the first.
    ///
    /// # Errors
    /// When it is no local time of the reader's zone.
    pub(crate) fn parse_input(&self, text: &str) -> Result<DateTime<Utc>, LocalTimeError> {
        let local = NaiveDateTime::parse_from_str(text, LOCAL_INPUT)
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"));
        // A year of more digits would be another rule, and later sums with it could overflow.
        let local = local.ok().filter(|local| (0..=9999).contains(&local.year()));
        let local = local.ok_or(LocalTimeError::Malformed)?;
        let at = self.zone.from_local_datetime(&local).earliest().ok_or(LocalTimeError::Skipped)?;
        Ok(at.with_timezone(&Utc))
    }
}

/// Reads what a browser writes for `<input type="date">`. `None` for anything else, and for years of other than four digits.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|date| (0..=9999).contains(&date.year()))
}

/// A time of a reply.
///
/// # Errors
/// When the service has left it out, which is a defect.
pub(crate) fn required(
    timestamp: Option<Timestamp>,
    backend: Backend,
    field: &str,
) -> Result<DateTime<Utc>, ServiceError> {
    optional(timestamp).ok_or_else(|| backend.invalid_reply(field))
}

/// A time of a reply that may be absent.
pub(crate) fn optional(timestamp: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let Timestamp { seconds, nanos } = timestamp?;
    DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)
}

/// A time for a request.
pub(crate) fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ENGLISH;

    fn clock(zone: Tz, now: &str) -> Clock {
        Clock { now: now.parse().expect("a time"), zone, texts: &ENGLISH.dates }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn days_are_those_of_the_readers_zone() {
        let clock = clock(Tz::Europe__Berlin, "2026-03-02T22:30:00Z");
        assert_eq!(clock.day_and_time(utc("2026-03-03T09:00:00Z")), "Tue 3 March, 10:00");
        assert_eq!(clock.day(clock.date(utc("2025-12-31T23:30:00Z"))), "Thu 1 January");
        assert_eq!(clock.day(clock.date(utc("2025-12-31T22:30:00Z"))), "Wed 31 December 2025");
        assert_eq!(clock.relative_day(clock.today()), Some("Today"));
        assert_eq!(clock.relative_day(clock.date(utc("2026-03-02T23:00:00Z"))), Some("Tomorrow"));
        assert_eq!(clock.relative_day(clock.date(utc("2026-03-03T23:00:00Z"))), None);
        assert_eq!(clock.iso(utc("2026-03-03T09:00:00Z")), "2026-03-03T10:00:00+01:00");
    }

    #[test]
    fn a_time_that_the_clock_skips_is_told_and_one_that_comes_twice_is_the_first() {
        let clock = clock(Tz::Europe__Berlin, "2026-03-02T22:30:00Z");
        assert_eq!(clock.parse_input("2026-03-29T02:30"), Err(LocalTimeError::Skipped));
        assert_eq!(clock.parse_input("2026-10-25T02:30"), Ok(utc("2026-10-25T00:30:00Z")));
        assert_eq!(clock.parse_input("2026-03-03T10:00"), Ok(utc("2026-03-03T09:00:00Z")));
        for other in ["tomorrow", "-262143-01-01T00:00", "+10000-01-01T00:00", ""] {
            assert_eq!(clock.parse_input(other), Err(LocalTimeError::Malformed), "{other}");
        }
    }

    #[test]
    fn a_day_begins_at_its_first_instant() {
        let berlin = clock(Tz::Europe__Berlin, "2026-03-02T22:30:00Z");
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        assert_eq!(berlin.start_of_day(date("2026-03-29")), utc("2026-03-28T23:00:00Z"));
        // The clock is put forward at midnight.
        let beirut = clock(Tz::Asia__Beirut, "2026-03-02T22:30:00Z");
        assert_eq!(beirut.start_of_day(date("2026-03-29")), utc("2026-03-28T22:00:00Z"));
        assert!(berlin.is_all_day(utc("2026-03-28T23:00:00Z"), utc("2026-03-29T22:00:00Z")));
        assert!(!berlin.is_all_day(utc("2026-03-28T23:00:00Z"), utc("2026-03-29T23:00:00Z")));
    }
}
