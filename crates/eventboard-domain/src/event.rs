//! Events, new events and event patches.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    ByteLimit, EventStatus, Growth, Identity, ROW_BYTES, StorageUsage, Violations,
    quotas::{byte_count, key_bytes},
    rules,
};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id.
    pub id: Uuid,
    /// The organization that the event belongs to.
    pub organization_id: Uuid,
    /// The user who created the event and owns it.
    pub created_by_id: Uuid,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The location.
    pub location: Option<String>,
    /// The start.
    pub start_date: DateTime<Utc>,
    /// The end.
    pub end_date: DateTime<Utc>,
    /// The status in the workflow.
    pub status: EventStatus,
    /// The rejection reason. Present if and only if the event is REJECTED.
    pub rejection_reason: Option<String>,
    /// When the owner last submitted the event. `None` if it never was submitted, or was decided before this was recorded.
    pub submitted_at: Option<DateTime<Utc>>,
    /// The time of creation.
    pub created_at: DateTime<Utc>,
    /// The time of the last change.
    pub updated_at: DateTime<Utc>,
    /// The version, which increases with every change.
    pub version: i64,
}

/// The validated content of a new event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The location.
    pub location: Option<String>,
    /// The start.
    pub start_date: DateTime<Utc>,
    /// The end.
    pub end_date: DateTime<Utc>,
}

/// The validated fields to change. `None` leaves a field unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPatch {
    /// The new title.
    pub title: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// The new location. `Some(None)` clears it.
    pub location: Option<Option<String>>,
    /// The new start.
    pub start_date: Option<DateTime<Utc>>,
    /// The new end.
    pub end_date: Option<DateTime<Utc>>,
}

impl Event {
    /// Creates a DRAFT that the caller owns, in the caller's organization.
    pub fn draft(id: Uuid, caller: &Identity, content: &NewEvent, now: DateTime<Utc>) -> Self {
        let NewEvent { title, description, location, start_date, end_date } = content;
        Self {
            id,
            organization_id: caller.organization_id,
            created_by_id: caller.user_id,
            title: title.clone(),
            description: description.clone(),
            location: location.clone(),
            start_date: *start_date,
            end_date: *end_date,
            status: EventStatus::Draft,
            rejection_reason: None,
            submitted_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Returns what the event uses of its organization's quotas, without its history. The bytes are those of the title,
    /// the description and the location. The rejection reason counts in the history, which has the same text.
    pub fn usage(&self) -> StorageUsage {
        let texts = [Some(&self.title), Some(&self.description), self.location.as_ref()];
        StorageUsage { events: 1, bytes: byte_count(texts.into_iter().flatten().map(String::len).sum()) }
    }

    /// Returns what the creation of the event adds to the usage of the organization: the event, its history entry, and
    /// its key and response.
    pub fn creation_growth(&self, response: &[u8]) -> Growth {
        let mut usage = self.usage();
        usage.bytes += ROW_BYTES + key_bytes(response);
        Growth { usage, byte_limit: ByteLimit::Quota }
    }

    /// Checks that the event ends after it starts.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn check_dates(&self) -> Result<(), Violations> {
        rules::check_date_order(self.start_date, self.end_date)
            .map_err(|message| Violations::one("endDate", message))
    }

    /// Returns the next version of the event, changed at `now`.
    pub(crate) fn next_version(self, now: DateTime<Utc>) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }
}

impl EventPatch {
    /// Applies the changes to the event. Does not change `version` and `updated_at`, and does not check the dates.
    pub(crate) fn apply(&self, event: &Event) -> Event {
        let Self { title, description, location, start_date, end_date } = self;
        Event {
            title: title.as_ref().unwrap_or(&event.title).clone(),
            description: description.as_ref().unwrap_or(&event.description).clone(),
            location: location.as_ref().unwrap_or(&event.location).clone(),
            start_date: start_date.unwrap_or(event.start_date),
            end_date: end_date.unwrap_or(event.end_date),
            id: event.id,
            organization_id: event.organization_id,
            created_by_id: event.created_by_id,
            status: event.status,
            rejection_reason: event.rejection_reason.clone(),
            submitted_at: event.submitted_at,
            created_at: event.created_at,
            updated_at: event.updated_at,
            version: event.version,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::{Role, TokenSession};

    fn draft() -> Event {
        let now = DateTime::from_timestamp_millis(1_800_000_000_000).expect("an instant");
        let caller = Identity {
            user_id: Uuid::from_u128(1),
            organization_id: Uuid::from_u128(2),
            role: Role::User,
            session: TokenSession::UNDATED,
        };
        let content = NewEvent {
            title: "A title".into(),
            description: "A description".into(),
            location: Some("Somewhere".into()),
            start_date: now,
            end_date: now + TimeDelta::hours(1),
        };
        Event::draft(Uuid::from_u128(3), &caller, &content, now)
    }

    #[test]
    fn a_new_event_is_a_draft_of_the_caller_with_version_1() {
        let event = draft();
        assert_eq!((event.status, event.version), (EventStatus::Draft, 1));
        assert_eq!((event.created_by_id, event.organization_id), (Uuid::from_u128(1), Uuid::from_u128(2)));
    }

    #[test]
    fn a_patch_changes_only_the_given_fields() {
        assert_eq!(EventPatch::default().apply(&draft()), draft());
        let patch =
            EventPatch { title: Some("Another title".into()), location: Some(None), ..EventPatch::default() };
        let changed = Event { title: "Another title".into(), location: None, ..draft() };
        assert_eq!(patch.apply(&draft()), changed);
    }

    #[test]
    fn an_event_uses_the_bytes_of_its_texts() {
        let event =
            Event { title: "Größe".into(), description: "ten bytes!".into(), location: None, ..draft() };
        assert_eq!(event.usage(), StorageUsage { events: 1, bytes: 7 + 10 });
        let event = Event { location: Some("here".into()), ..event };
        assert_eq!(event.usage(), StorageUsage { events: 1, bytes: 7 + 10 + 4 });
    }

    #[test]
    fn dates_are_checked_on_the_merged_event() {
        let late = draft().end_date + TimeDelta::hours(1);
        let merged = EventPatch { start_date: Some(late), ..EventPatch::default() }.apply(&draft());
        let violations = merged.check_dates().expect_err("ends before it starts");
        assert_eq!(violations.to_string(), "endDate must be after startDate");
    }
}
