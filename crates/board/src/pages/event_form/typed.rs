//! What was typed about an event, and what is wrong with it.

use chrono::{DateTime, NaiveDate, Utc};
use eventboard_domain::{EventStatus, rules};
use prost_types::Timestamp;

use crate::{
    dates,
    dates::{Clock, LocalTimeError},
    event::Event,
    form::Form,
    texts::Texts,
};

/// What is sent for what is no time, so that the service refuses the form and tells all other faults as well. The service would take
/// an absent time of a change for one that stays.
const NO_TIME: Timestamp = Timestamp { seconds: i64::MAX, nanos: 0 };

/// Why there is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeFault {
    Missing,
    Malformed,
    /// The clock was put forward over it.
    Skipped {
        day: String,
        time: String,
    },
}

/// The times that were typed.
pub(super) struct TypedTimes {
    pub(super) start: Result<DateTime<Utc>, TimeFault>,
    pub(super) end: Result<DateTime<Utc>, TimeFault>,
}

impl TypedTimes {
    /// Reads them in the zone of the viewer.
    pub(super) fn read(clock: &Clock, form: &Form) -> Self {
        Self { start: time(clock, form, "startDate"), end: time(clock, form, "endDate") }
    }

    pub(super) fn start_message(&self) -> Option<Timestamp> {
        Some(message(&self.start))
    }

    pub(super) fn end_message(&self) -> Option<Timestamp> {
        Some(message(&self.end))
    }

    /// Whether both are times.
    pub(super) fn are_times(&self) -> bool {
        self.start.is_ok() && self.end.is_ok()
    }

    /// The event that was typed, as far as a preview shows it. What is no time is the present one.
    pub(super) fn event(&self, clock: &Clock, form: &Form) -> Event {
        let now = clock.now;
        let time = |time: &Result<_, _>| time.as_ref().map_or(now, |at| *at);
        let line = |field| form.value(field).trim().to_owned();
        Event {
            id: String::new(),
            title: line("title"),
            description: form.text("description"),
            location: Some(line("location")).filter(|location| !location.is_empty()),
            start: time(&self.start),
            end: time(&self.end),
            status: EventStatus::Draft,
            rejection_reason: None,
            owner_id: String::new(),
            created_at: now,
            updated_at: now,
            submitted_at: None,
            version: 0,
        }
    }

    /// A sentence for what the service finds wrong with a field.
    pub(super) fn sentence(&self, texts: &Texts, clock: &Clock, field: &str, rule: &str) -> String {
        let (words, violation) = (&texts.event_form, texts.common.violation);
        let is_missing = rule == rules::REQUIRED;
        match (field, &self.start, &self.end) {
            ("title", _, _) if is_missing => words.title_missing.to_owned(),
            ("description", _, _) if is_missing => words.description_missing.to_owned(),
            ("startDate", Err(fault), _) => fault.sentence(texts, words.start_missing),
            ("endDate", _, Err(fault)) => fault.sentence(texts, words.end_missing),
            ("endDate", Ok(start), Ok(end)) if end <= start => {
                (words.end_after_start)(&clock.day_and_time(*start))
            }
            ("title", _, _) => violation(words.title, rule),
            ("description", _, _) => violation(words.description, rule),
            ("startDate", _, _) => violation(words.start, rule),
            ("endDate", _, _) => violation(words.end, rule),
            ("location", _, _) => violation(words.the_place, rule),
            _ => violation(field, rule),
        }
    }
}

impl TimeFault {
    fn sentence(&self, texts: &Texts, missing: &str) -> String {
        match self {
            Self::Missing => missing.to_owned(),
            Self::Malformed => texts.event_form.time_malformed.to_owned(),
            Self::Skipped { day, time } => (texts.event_form.time_skipped)(day, time),
        }
    }
}

/// The form filled in with an event. The exact times go along: what the inputs show has no seconds, and an hour comes twice where the
/// clock is put back.
pub(super) fn filled(clock: &Clock, event: &Event) -> Form {
    Form::filled([
        ("title", event.title.clone()),
        ("description", event.description.clone()),
        ("location", event.location.clone().unwrap_or_default()),
        ("startDate", clock.input(event.start)),
        ("endDate", clock.input(event.end)),
        ("startDate-exact", event.start.to_rfc3339()),
        ("endDate-exact", event.end.to_rfc3339()),
    ])
}

/// The time in a field: the exact one that filled it, if it was not changed.
fn time(clock: &Clock, form: &Form, field: &str) -> Result<DateTime<Utc>, TimeFault> {
    let typed = form.value(field).trim();
    let exact = form.value(&format!("{field}-exact")).parse::<DateTime<Utc>>().ok();
    match exact.filter(|exact| clock.input(*exact) == typed) {
        Some(exact) => Ok(exact),
        None => clock.parse_input(typed).map_err(|error| fault(clock, typed, error)),
    }
}

fn fault(clock: &Clock, typed: &str, error: LocalTimeError) -> TimeFault {
    match error {
        LocalTimeError::Malformed if typed.is_empty() => TimeFault::Missing,
        LocalTimeError::Malformed => TimeFault::Malformed,
        LocalTimeError::Skipped => {
            let (date, time) = typed.split_once('T').unwrap_or((typed, ""));
            let day = date.parse::<NaiveDate>().map_or_else(|_| date.to_owned(), |date| clock.day(date));
            TimeFault::Skipped { day, time: time.to_owned() }
        }
    }
}

fn message(time: &Result<DateTime<Utc>, TimeFault>) -> Timestamp {
    time.as_ref().map_or(NO_TIME, |at| dates::timestamp(*at))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::texts::ENGLISH;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn clock() -> Clock {
        Clock { now: utc("2026-03-02T12:00:00Z"), zone: Tz::Europe__Berlin, texts: &ENGLISH.dates }
    }

    fn times(start: &str, end: &str) -> TypedTimes {
        let form = Form::filled([("startDate", start.to_owned()), ("endDate", end.to_owned())]);
        TypedTimes::read(&clock(), &form)
    }

    fn sentence(times: &TypedTimes, field: &str, rule: &str) -> String {
        times.sentence(&ENGLISH, &clock(), field, rule)
    }

    fn event(start: &str, end: &str) -> Event {
        Event {
            id: "e".into(),
            title: "A title".into(),
            description: "A description".into(),
            location: None,
            start: utc(start),
            end: utc(end),
            status: EventStatus::Draft,
            rejection_reason: None,
            owner_id: "u".into(),
            created_at: utc(start),
            updated_at: utc(start),
            submitted_at: None,
            version: 1,
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_the_service_and_told_at_its_field() {
        let times = times("", "soon");
        assert_eq!((times.start_message(), times.end_message()), (Some(NO_TIME), Some(NO_TIME)));
        assert_eq!(sentence(&times, "startDate", "must be something"), "Enter when it starts.");
        assert!(sentence(&times, "endDate", "must be something").starts_with("Enter a day and a time"));
    }

    #[test]
    fn a_time_that_the_clock_skips_is_told_with_its_day() {
        let times = times("2026-03-29T02:30", "2026-03-29T04:00");
        let told = sentence(&times, "startDate", "must be something");
        assert!(told.contains("Sun 29 March") && told.contains("02:30"), "{told}");
        assert_eq!(times.end, Ok(utc("2026-03-29T02:00:00Z")));
    }

    #[test]
    fn an_end_before_the_start_is_told_with_the_start() {
        let times = times("2026-03-03T10:00", "2026-03-03T09:00");
        let told = sentence(&times, "endDate", "must be after startDate");
        assert_eq!(told, "End must be after the start, Tue 3 March, 10:00.");
    }

    #[test]
    fn rules_become_sentences() {
        let times = times("2026-03-03T10:00", "2026-03-03T11:00");
        assert_eq!(sentence(&times, "title", rules::REQUIRED), "Enter a title.");
        let told = sentence(&times, "title", "must be 3 to 200 characters long");
        assert_eq!(told, "Title must be 3 to 200 characters long.");
    }

    #[test]
    fn a_time_that_was_not_changed_stays_exact() {
        // The second 02:30 of the night, and seconds.
        let event = event("2026-10-25T01:30:00Z", "2026-10-25T09:00:12.345Z");
        let times = TypedTimes::read(&clock(), &filled(&clock(), &event));
        assert_eq!((times.start, times.end), (Ok(event.start), Ok(event.end)));
        let form = filled(&clock(), &event);
        let changed = form.carried().map(|(name, value)| match name {
            "startDate" => (name, "2026-10-25T02:15".to_owned()),
            _ => (name, value.to_owned()),
        });
        let times = TypedTimes::read(&clock(), &Form::filled(changed));
        assert_eq!(times.start, Ok(utc("2026-10-25T00:15:00Z")));
    }
}
