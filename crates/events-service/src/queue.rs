//! The events that wait for approval.

use chrono::{DateTime, Utc};
use eventboard_domain::Event;
use uuid::Uuid;

/// The largest exact number of waiting events. A larger number is reported as this one and marked as not exact.
pub(crate) const MAX_EXACT_WAITING: u32 = 1000;

/// Selects a page.
#[derive(Debug)]
pub(crate) struct QueueQuery {
    pub organization_id: Uuid,
    /// Searched as literal text, ignoring case.
    pub search: Option<String>,
    /// The cursor of the page, which is not verified yet. `None` for the first page.
    pub cursor: Option<String>,
    pub limit: u32,
}

impl QueueQuery {
    /// Returns a text that identifies the list for cursors.
    pub(crate) fn cursor_scope(&self) -> String {
        let Self { organization_id, search, cursor: _, limit: _ } = self;
        format!("queue {organization_id} {search:?}")
    }
}

/// A page. `N` is the start of the next page: a position or a cursor.
#[derive(Debug)]
pub(crate) struct QueuePage<N> {
    /// The longest waiting first.
    pub events: Vec<Event>,
    /// The start of the next page; `None` on the last page.
    pub next: Option<N>,
}

/// How many events wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueSummary {
    /// At most [`MAX_EXACT_WAITING`].
    pub waiting: u32,
    pub is_exact: bool,
    pub oldest_submitted_at: Option<DateTime<Utc>>,
    /// At most `waiting`. A lower bound unless `is_exact`.
    pub starting_within_week: u32,
}
