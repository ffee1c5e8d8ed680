//! What a listing asks for, and what it gives.

use chrono::{DateTime, Utc};
use eventboard_domain::{Event, EventStatus, SortBy, Visibility};
use uuid::Uuid;

/// Totals are exact up to this many rows.
pub(crate) const MAX_EXACT_TOTAL: u32 = 10_000;

/// One page of a listing, as it is asked for.
#[derive(Debug)]
pub(crate) struct Listing {
    pub filter: Filter,
    pub page: PageAt,
    pub limit: u32,
}

/// Which page.
#[derive(Debug)]
pub(crate) enum PageAt {
    /// Counted from 1.
    Number(u64),
    /// The one after a cursor, which is not verified yet.
    Cursor(String),
}

/// Which events, in which order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Filter {
    pub organization_id: Uuid,
    pub visibility: Visibility,
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
            organization_id,
            visibility: _,
            sort_by,
            descending,
            status,
            search,
            start_date_from,
            start_date_to,
        } = self;
        format!(
            "{organization_id} {sort_by:?} {descending} {status:?} {search:?} {start_date_from:?} {start_date_to:?}"
        )
    }
}

/// Where a row stands in the order of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// The row's value of the sort key, as text.
    pub sort_key: String,
    /// The row's id, which breaks ties.
    pub id: Uuid,
}

/// Where the rows begin.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// After this many rows.
    Offset(u64),
    /// After this row.
    After(Position),
}

/// One page of a listing; `N` is what says where the next one begins.
#[derive(Debug)]
pub(crate) struct Page<N> {
    pub events: Vec<Event>,
    /// Present when more rows follow.
    pub next: Option<N>,
    /// At most [`MAX_EXACT_TOTAL`].
    pub total: u32,
    pub total_is_exact: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_of_a_listing_does_not_change_between_releases() {
        let filter = Filter {
            organization_id: Uuid::from_u128(1),
            visibility: Visibility::OwnAndApproved(Uuid::from_u128(2)),
            sort_by: SortBy::StartDate,
            descending: true,
            status: Some(EventStatus::Draft),
            search: Some("a \"word\"".into()),
            start_date_from: DateTime::from_timestamp_millis(0),
            start_date_to: None,
        };
        assert_eq!(
            filter.identity(),
            r#"00000000-0000-0000-0000-000000000001 StartDate true Some(Draft) Some("a \"word\"") Some(1970-01-01T00:00:00Z) None"#
        );
    }
}
