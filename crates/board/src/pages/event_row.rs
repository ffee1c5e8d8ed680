//! An event in a list.

use eventboard_domain::EventStatus;

use crate::{
    event::{Event, StatusMark},
    event_times::TimePiece,
    texts::CommonTexts,
};

/// An event in a list.
pub(crate) struct EventRow {
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) location: Option<String>,
    pub(crate) times: Vec<TimePiece>,
    /// `None` if the list tells it, or if it is as usual.
    pub(crate) status: Option<StatusMark>,
    /// Why it was sent back, as a quotation.
    pub(crate) reason: Option<String>,
}

impl EventRow {
    /// An event in a list of published ones, where any other status is told.
    pub(crate) fn new(texts: &CommonTexts, event: Event, times: Vec<TimePiece>) -> Self {
        let is_published = event.status == EventStatus::Approved;
        let status = (!is_published).then(|| StatusMark::of(texts, event.status));
        Self { path: event.path(), title: event.title, location: event.location, times, status, reason: None }
    }
}
