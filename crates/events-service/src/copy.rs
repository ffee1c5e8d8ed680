//! A copy of what a user wrote and did: events, and then the history of their decisions and other actions.

use chrono::{DateTime, Utc};
use eventboard_domain::{Event, HistoryAction};
use uuid::Uuid;

/// A page of a copy.
pub(crate) struct CopyPage {
    pub events: Vec<Event>,
    pub history: Vec<HistoryEntry>,
    /// Where the next page starts. `None` on the last page.
    pub next: Option<CopyPosition>,
}

/// Something that the user did to an event.
pub(crate) struct HistoryEntry {
    pub id: i64,
    pub event_id: Uuid,
    pub action: HistoryAction,
    /// The reason of a rejection.
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyPosition {
    /// After this event, in the order of their IDs. The nil UUID: at the first one.
    Events(Uuid),
    /// After this entry of the history. 0: at the first one.
    History(i64),
}

impl CopyPosition {
    /// Where a copy starts.
    pub(crate) const START: Self = Self::Events(Uuid::nil());

    /// The position as an opaque text. It is not signed, as every position is a valid one: it only says where the caller's own copy
    /// continues.
    pub(crate) fn to_cursor(self) -> String {
        match self {
            Self::Events(id) => format!("events.{id}"),
            Self::History(id) => format!("history.{id}"),
        }
    }

    /// Reads a text from [`CopyPosition::to_cursor`]. `None` for any other text.
    pub(crate) fn from_cursor(cursor: &str) -> Option<Self> {
        if cursor.is_empty() {
            return Some(Self::START);
        }
        let (part, id) = cursor.split_once('.')?;
        match part {
            "events" => Uuid::try_parse(id).ok().map(Self::Events),
            "history" => id.parse().ok().map(Self::History),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_from_its_cursor() {
        for position in [CopyPosition::START, CopyPosition::Events(Uuid::max()), CopyPosition::History(7)] {
            assert_eq!(CopyPosition::from_cursor(&position.to_cursor()), Some(position));
        }
        assert_eq!(CopyPosition::from_cursor(""), Some(CopyPosition::START));
    }

    #[test]
    fn any_other_text_is_no_cursor() {
        for text in ["x", "history", "history.x", "events.x", "x.1"] {
            assert_eq!(CopyPosition::from_cursor(text), None, "{text}");
        }
    }
}
