//! What a listing asks for.

use chrono::{DateTime, Utc};
use eventboard_domain::EventStatus;
use uuid::Uuid;

use crate::{cursor::Position, event::Event};

/// Totals are exact up to this many rows.
pub(crate) const MAX_EXACT_TOTAL: u32 = 10_000;

/// The key of the order; ids break ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SortBy {
    StartDate,
    CreatedAt,
    Title,
    Status,
}

/// Which events, in which order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Filter {
    pub organization_id: Uuid,
    /// A USER's id: sees the own events and the approved ones.
    pub only_visible_to: Option<Uuid>,
    pub sort_by: SortBy,
    pub descending: bool,
    pub status: Option<EventStatus>,
    /// Literal, without regard to case.
    pub search: Option<String>,
    pub start_date_from: Option<DateTime<Utc>>,
    pub start_date_to: Option<DateTime<Utc>>,
}

impl Filter {
    /// Equal for two listings only when a cursor of one makes sense in the other. Visibility is not
    /// part of it: a cursor shows nothing, it only says where to go on.
    pub(crate) fn identity(&self) -> String {
        let Self {
            organization_id, sort_by, descending, status, search, start_date_from, start_date_to, ..
        } = self;
        format!(
            "{organization_id} {sort_by:?} {descending} {status:?} {search:?} {start_date_from:?} {start_date_to:?}"
        )
    }
}

/// Where the rows begin.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// After this many rows.
    Offset(u64),
    /// After this row.
    After(Position),
}

/// One page of a listing.
#[derive(Debug)]
pub(crate) struct Page {
    pub events: Vec<Event>,
    /// The last row, when more follow.
    pub next: Option<Position>,
    /// At most [`MAX_EXACT_TOTAL`].
    pub total: u32,
    pub total_is_exact: bool,
}
