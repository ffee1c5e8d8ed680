//! What starts on each of several days.

use chrono::{DateTime, Utc};
use eventboard_domain::{Event, EventStatus, Identity};

/// The largest exact number of events of a day. A larger number is reported as this one and marked as not exact.
pub(crate) const MAX_EXACT_TOTAL: u32 = 100;

/// Selects events by the day on which they start.
#[derive(Debug)]
pub(crate) struct DaysQuery {
    pub caller: Identity,
    /// Each day begins at one of these instants and ends before the next one.
    pub bounds: Vec<DateTime<Utc>>,
    /// The maximum number of events of a day.
    pub per_day: u32,
    pub status: Option<EventStatus>,
    /// Whether only the caller's own events are wanted.
    pub mine: bool,
}

/// What starts on a day.
#[derive(Debug)]
pub(crate) struct Day {
    /// The first events.
    pub events: Vec<Event>,
    /// At most [`MAX_EXACT_TOTAL`].
    pub total: u32,
    pub total_is_exact: bool,
}
