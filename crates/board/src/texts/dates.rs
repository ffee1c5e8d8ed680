//! How dates are written.

use chrono::TimeDelta;

/// How dates are written.
#[derive(Debug)]
pub(crate) struct DateTexts {
    pub(crate) today: &'static str,
    pub(crate) tomorrow: &'static str,
    /// Monday to Sunday.
    pub(crate) weekdays: [&'static str; 7],
    pub(crate) months: [&'static str; 12],
    /// The year is left out if it is the present one.
    pub(crate) day: fn(weekday: &str, day: u32, month: &str, year: Option<i32>) -> String,
    pub(crate) month_of_year: fn(month: &str, year: i32) -> String,
    pub(crate) day_and_time: fn(day: &str, time: &str) -> String,
    pub(crate) all_day: &'static str,
    /// From one time of a day to another one.
    pub(crate) hours: fn(start: &str, end: &str) -> String,
    /// From one day to another one, with times or without.
    pub(crate) span: fn(start: &str, end: &str) -> String,
    /// For what has begun before.
    pub(crate) until: fn(end: &str) -> String,
    /// A day before times of it, where the two are not on one line.
    pub(crate) day_before_time: fn(day: &str) -> String,
    /// Times in another zone than the reader's.
    pub(crate) in_zone: fn(when: &str, city: &str) -> String,
    /// How long something has waited.
    pub(crate) waiting: fn(age: TimeDelta) -> String,
}

pub(super) const ENGLISH: DateTexts = DateTexts {
    today: "Today",
    tomorrow: "Tomorrow",
    weekdays: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    day: |weekday, day, month, year| match year {
        Some(year) => format!("{weekday} {day} {month} {year}"),
        None => format!("{weekday} {day} {month}"),
    },
    month_of_year: |month, year| format!("{month} {year}"),
    day_and_time: |day, time| format!("{day}, {time}"),
    all_day: "all day",
    hours: |start, end| format!("{start}–{end}"),
    span: |start, end| format!("{start} – {end}"),
    until: |end| format!("until {end}"),
    day_before_time: |day| format!("{day},"),
    in_zone: |when, city| format!("{when} ({city} time)"),
    waiting: |age| match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (1, _, _) => "waiting 1 day".to_owned(),
        (days @ 2.., _, _) => format!("waiting {days} days"),
        (_, 1, _) => "waiting 1 hour".to_owned(),
        (_, hours @ 2.., _) => format!("waiting {hours} hours"),
        (_, _, 1) => "waiting 1 minute".to_owned(),
        (_, _, minutes @ 2..) => format!("waiting {minutes} minutes"),
        _ => "just arrived".to_owned(),
    },
};
