//! The queries and pages of event lists.

use chrono::{DateTime, Utc};
use eventboard_domain::{Event, EventStatus, SortBy, Visibility};
use uuid::Uuid;

/// The largest exact total. A larger total is reported as this number and marked as not exact.
pub(crate) const MAX_EXACT_TOTAL: u32 = 10_000;

/// The query of one page.
#[derive(Debug)]
pub(crate) struct ListQuery {
    pub criteria: ListCriteria,
    pub page: PageSelector,
    pub limit: u32,
}

/// The requested page.
#[derive(Debug)]
pub(crate) enum PageSelector {
    /// The number of the page, starting at 1.
    Number(u64),
    /// The page after a cursor. The cursor is not verified yet.
    Cursor(String),
}

/// The filters and the sort order of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ListCriteria {
    pub organization_id: Uuid,
    pub visibility: Visibility,
    pub sort_by: SortBy,
    pub descending: bool,
    pub status: Option<EventStatus>,
    /// Searched as literal text, ignoring case.
    pub search: Option<String>,
    pub start_date_from: Option<DateTime<Utc>>,
    pub start_date_to: Option<DateTime<Utc>>,
    /// Only events that end after this time.
    pub end_date_from: Option<DateTime<Utc>>,
    /// Only events of this user, who is the caller.
    pub owner: Option<Uuid>,
}

impl ListCriteria {
    /// Returns a text that identifies the list for cursors. A cursor of one list is valid in another list only if
    /// both lists have the same text. Visibility is not included, because a cursor contains only a position and
    /// grants no access.
    pub(crate) fn cursor_scope(&self) -> String {
        let Self {
            organization_id,
            visibility: _,
            sort_by,
            descending,
            status,
            search,
            start_date_from,
            start_date_to,
            end_date_from,
            owner,
        } = self;
        let mut scope = format!(
            "{organization_id} {sort_by:?} {descending} {status:?} {search:?} {start_date_from:?} {start_date_to:?}"
        );
        // The release before has no such filters. The cursors of its lists stay valid.
        if let Some(end_date_from) = end_date_from {
            scope.push_str(&format!(" ends after {end_date_from:?}"));
        }
        if let Some(owner) = owner {
            scope.push_str(&format!(" of {owner}"));
        }
        scope
    }
}

/// The position of a row in the sort order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowPosition {
    /// The value of the sort key, as text.
    pub sort_key: String,
    /// The id of the row, which orders rows with equal sort keys.
    pub id: Uuid,
}

/// The position before the first row of a page.
#[derive(Debug, Clone)]
pub(crate) enum PageStart {
    /// After this many rows.
    Offset(u64),
    /// After this row.
    After(RowPosition),
}

/// One page of a list. `N` is the start of the next page: a [`RowPosition`] or a cursor.
#[derive(Debug)]
pub(crate) struct Page<N> {
    pub events: Vec<Event>,
    /// The start of the next page; `None` on the last page.
    pub next: Option<N>,
    /// At most [`MAX_EXACT_TOTAL`].
    pub total: u32,
    pub total_is_exact: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_scope_does_not_change_between_releases() {
        let criteria = ListCriteria {
            organization_id: Uuid::from_u128(1),
            visibility: Visibility::OwnAndApproved(Uuid::from_u128(2)),
            sort_by: SortBy::StartDate,
            descending: true,
            status: Some(EventStatus::Draft),
            search: Some("a \"word\"".into()),
            start_date_from: DateTime::from_timestamp_millis(0),
            start_date_to: None,
            end_date_from: None,
            owner: None,
        };
        assert_eq!(
            criteria.cursor_scope(),
            r#"00000000-0000-0000-0000-000000000001 StartDate true Some(Draft) Some("a \"word\"") Some(1970-01-01T00:00:00Z) None"#
        );
        let criteria = ListCriteria {
            search: None,
            start_date_from: None,
            end_date_from: DateTime::from_timestamp_millis(0),
            owner: Some(Uuid::from_u128(2)),
            ..criteria
        };
        assert_eq!(
            criteria.cursor_scope(),
            "00000000-0000-0000-0000-000000000001 StartDate true Some(Draft) None None None \
                ends after 1970-01-01T00:00:00Z of 00000000-0000-0000-0000-000000000002"
        );
    }
}
