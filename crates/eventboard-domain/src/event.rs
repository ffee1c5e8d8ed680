//! Events, what a new one consists of, and what a patch makes of one.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{EventStatus, Faults, Identity, rules};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: Uuid,
    /// The organization it belongs to.
    pub organization_id: Uuid,
    /// Its owner.
    pub created_by_id: Uuid,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Where it takes place.
    pub location: Option<String>,
    /// When it begins.
    pub start_date: DateTime<Utc>,
    /// When it ends.
    pub end_date: DateTime<Utc>,
    /// Where it stands in the workflow.
    pub status: EventStatus,
    /// Why it was rejected; present exactly while it is REJECTED.
    pub rejection_reason: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

/// The content of a new event, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its title.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Where it takes place.
    pub location: Option<String>,
    /// When it begins.
    pub start_date: DateTime<Utc>,
    /// When it ends.
    pub end_date: DateTime<Utc>,
}

/// The fields to change, checked; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPatch {
    /// Another title.
    pub title: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Another location; `Some(None)` clears it.
    pub location: Option<Option<String>>,
    /// Another beginning.
    pub start_date: Option<DateTime<Utc>>,
    /// Another end.
    pub end_date: Option<DateTime<Utc>>,
}

impl Event {
    /// The DRAFT that any member may create: owned by the caller, in the caller's organization.
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
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The next version of the event.
    pub(crate) fn changed_at(self, now: DateTime<Utc>) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }
}

impl EventPatch {
    /// The event with the changes; version and time of change are untouched.
    ///
    /// # Errors
    /// When it would end before it starts, which only the merged event shows.
    pub(crate) fn apply(&self, event: &Event) -> Result<Event, Faults> {
        let Self { title, description, location, start_date, end_date } = self;
        let merged = Event {
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
            created_at: event.created_at,
            updated_at: event.updated_at,
            version: event.version,
        };
        rules::chronological(merged.start_date, merged.end_date)
            .map_err(|message| Faults::one("endDate", message))?;
        Ok(merged)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::Role;

    fn draft() -> Event {
        let now = DateTime::from_timestamp_millis(1_800_000_000_000).expect("an instant");
        let caller =
            Identity { user_id: Uuid::from_u128(1), organization_id: Uuid::from_u128(2), role: Role::User };
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
    fn a_new_event_is_the_first_version_of_the_callers_draft() {
        let event = draft();
        assert_eq!((event.status, event.version), (EventStatus::Draft, 1));
        assert_eq!((event.created_by_id, event.organization_id), (Uuid::from_u128(1), Uuid::from_u128(2)));
    }

    #[test]
    fn a_patch_changes_what_it_names_and_an_empty_one_nothing() {
        assert_eq!(EventPatch::default().apply(&draft()), Ok(draft()));
        let patch =
            EventPatch { title: Some("Another title".into()), location: Some(None), ..EventPatch::default() };
        let changed = Event { title: "Another title".into(), location: None, ..draft() };
        assert_eq!(patch.apply(&draft()), Ok(changed));
    }

    #[test]
    fn dates_are_checked_on_the_merged_event() {
        let late = draft().end_date + TimeDelta::hours(1);
        let faults = EventPatch { start_date: Some(late), ..EventPatch::default() }.apply(&draft());
        assert_eq!(faults.expect_err("ends before it starts").to_string(), "endDate must be after startDate");
    }
}
