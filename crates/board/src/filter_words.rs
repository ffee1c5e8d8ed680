//! The filters of a list, as a sentence about the list names them.

use eventboard_domain::EventStatus;

/// The statuses of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusFilter {
    Any,
    Only(EventStatus),
}

/// The filters as words, for a sentence about the list.
#[derive(Debug)]
pub(crate) struct FilterWords<'f> {
    pub(crate) status: StatusFilter,
    pub(crate) mine: bool,
    /// Empty: no search.
    pub(crate) search: &'f str,
    pub(crate) days: DayWords,
}

/// The days of a list, as words.
#[derive(Debug)]
pub(crate) enum DayWords {
    /// The page tells them elsewhere.
    Untold,
    FromToday,
    BeforeToday,
    From(String),
    To(String),
    Between(String, String),
}
