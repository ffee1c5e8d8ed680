//! The audit of an organization, as its admins list it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use eventboard_domain::{AuditAction, AuditTarget, rules};
use uuid::Uuid;

/// Selects entries.
#[derive(Debug)]
pub(crate) struct AuditQuery {
    /// The maximum number of entries.
    pub limit: u32,
    /// The last entry of the page before.
    pub after: Option<AuditPosition>,
    pub actor_id: Option<Uuid>,
    pub action: Option<AuditAction>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// The place of an entry in the list. Entries are added at the beginning of the list, so the pages after it stay the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuditPosition {
    /// In whole milliseconds.
    pub at: DateTime<Utc>,
    pub id: i64,
}

/// Entries, newest first.
pub(crate) struct AuditPage {
    pub entries: Vec<AuditRecord>,
    /// Where the next page starts. `None` on the last page.
    pub next: Option<AuditPosition>,
}

/// One entry.
pub(crate) struct AuditRecord {
    pub at: DateTime<Utc>,
    pub actor_id: Option<Uuid>,
    pub action: AuditAction,
    pub target: Option<AuditTarget>,
    pub address: Option<String>,
    pub client: Option<String>,
    pub correlation_id: Option<String>,
    /// A JSON object.
    pub details: String,
}

impl AuditPosition {
    /// The position as an opaque text. It is not signed, as every position is a valid one: it only says where the caller's
    /// own list continues.
    pub(crate) fn to_cursor(self) -> String {
        let bytes = [self.at.timestamp_millis().to_be_bytes(), self.id.to_be_bytes()].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text from [`AuditPosition::to_cursor`]. `None` for any other text.
    pub(crate) fn from_cursor(cursor: &str) -> Option<Self> {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
        let (millis, id) = bytes.split_first_chunk::<8>()?;
        let at = rules::instant(i64::from_be_bytes(*millis)).ok()?;
        Some(Self { at, id: i64::from_be_bytes(id.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_is_read_from_its_cursor(millis in 0_i64..4_102_444_800_000, id in any::<i64>()) {
            let at = DateTime::from_timestamp_millis(millis).expect("an instant");
            let position = AuditPosition { at, id };
            prop_assert_eq!(AuditPosition::from_cursor(&position.to_cursor()), Some(position));
        }

        #[test]
        fn any_other_text_is_no_cursor(text in "\\PC{0,40}") {
            prop_assert!(AuditPosition::from_cursor(&text).is_none_or(|position| position.to_cursor() == text));
        }

        #[test]
        fn bytes_that_are_no_position_are_no_cursor(bytes in any::<[u8; 16]>()) {
            let cursor = URL_SAFE_NO_PAD.encode(bytes);
            let is_read = AuditPosition::from_cursor(&cursor).is_some();
            let millis = i64::from_be_bytes(*bytes.first_chunk().expect("eight bytes"));
            prop_assert_eq!(is_read, rules::instant(millis).is_ok());
        }
    }
}
