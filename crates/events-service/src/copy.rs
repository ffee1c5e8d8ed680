//! A copy of what a user wrote: events, and then the reasons of rejections.

use chrono::{DateTime, Utc};
use eventboard_domain::{Event, EventStatus};
use uuid::Uuid;

/// A page of a copy.
pub(crate) struct CopyPage {
    pub events: Vec<Event>,
    pub reasons: Vec<WrittenReason>,
    /// Where the next page starts. `None` on the last page.
    pub next: Option<CopyPosition>,
}

/// The reason of a rejection.
pub(crate) struct WrittenReason {
    /// The entry of the history.
    pub id: i64,
    pub event_id: Uuid,
    pub reason: String,
    pub at: DateTime<Utc>,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyPosition {
    /// After this event, in the order of status and ID. `None`: at the first one.
    Events(Option<(EventStatus, Uuid)>),
    /// After this entry of the history. 0: at the first one.
    Reasons(i64),
}

impl CopyPosition {
    /// Where a copy starts.
    pub(crate) const START: Self = Self::Events(None);

    /// The position as an opaque text. It is not signed, as every position is a valid one: it only says where the caller's own copy
    /// continues.
    pub(crate) fn to_cursor(self) -> String {
        match self {
            Self::Events(None) => String::new(),
            Self::Events(Some((status, id))) => format!("{status}.{id}"),
            Self::Reasons(id) => format!("reasons.{id}"),
        }
    }

    /// Reads a text from [`CopyPosition::to_cursor`]. `None` for any other text.
    pub(crate) fn from_cursor(cursor: &str) -> Option<Self> {
        if cursor.is_empty() {
            return Some(Self::START);
        }
        let (part, id) = cursor.split_once('.')?;
        match part {
            "reasons" => id.parse().ok().map(Self::Reasons),
            status => Some(Self::Events(Some((status.parse().ok()?, Uuid::try_parse(id).ok()?)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_from_its_cursor() {
        let positions =
            EventStatus::ALL.iter().map(|status| CopyPosition::Events(Some((*status, Uuid::nil()))));
        for position in positions.chain([CopyPosition::START, CopyPosition::Reasons(7)]) {
            assert_eq!(CopyPosition::from_cursor(&position.to_cursor()), Some(position));
        }
    }

    #[test]
    fn any_other_text_is_no_cursor() {
        for text in ["x", "reasons", "reasons.x", "DRAFT.x", "OTHER.00000000-0000-0000-0000-000000000000"] {
            assert_eq!(CopyPosition::from_cursor(text), None, "{text}");
        }
    }
}
