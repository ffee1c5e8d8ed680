//! The fingerprint of a write, which identifies repeated requests. It includes the event id, the normalized body and
//! the preconditions.
//!
//! The fingerprint must be stable across releases, because stored keys outlive a release.

use eventboard_domain::{EventChange, EventPatch, NewEvent, Preconditions};
use eventboard_idempotency::Fingerprint;
use uuid::Uuid;

/// Returns the fingerprint of a request to create an event.
pub(crate) fn of_create(method: &str, preconditions: &Preconditions, content: &NewEvent) -> [u8; 32] {
    let NewEvent { title, description, location, start_date, end_date } = content;
    Fingerprint::of(method)
        .preconditions(preconditions)
        .text("title", Some(title))
        .text("description", Some(description))
        .text("location", location.as_deref())
        .instant("startDate", Some(*start_date))
        .instant("endDate", Some(*end_date))
        .finish()
}

/// Returns the fingerprint of a request to change an event.
pub(crate) fn of_change(
    method: &str,
    id: Uuid,
    preconditions: &Preconditions,
    change: &EventChange,
) -> [u8; 32] {
    let fingerprint = Fingerprint::of(method).text("id", Some(&id.to_string())).preconditions(preconditions);
    match change {
        EventChange::Update(patch) => add_patch(fingerprint, patch),
        EventChange::Reject { reason } => fingerprint.text("reason", Some(reason)),
        EventChange::Delete | EventChange::Submit | EventChange::Approve => fingerprint,
    }
    .finish()
}

fn add_patch(fingerprint: Fingerprint, patch: &EventPatch) -> Fingerprint {
    let EventPatch { title, description, location, start_date, end_date } = patch;
    fingerprint
        .text("title", title.as_deref())
        .text("description", description.as_deref())
        .text("location given", location.as_ref().map(|_| ""))
        .text("location", location.as_ref().and_then(Option::as_deref))
        .instant("startDate", *start_date)
        .instant("endDate", *end_date)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chrono::DateTime;
    use eventboard_domain::EntityTags;

    use super::*;

    fn of(method: &str, id: u128, if_match: Option<EntityTags>, change: &EventChange) -> [u8; 32] {
        let preconditions = Preconditions { if_match, if_none_match: None };
        of_change(method, Uuid::from_u128(id), &preconditions, change)
    }

    fn submit_unless(if_none_match: EntityTags) -> [u8; 32] {
        let preconditions = Preconditions { if_match: None, if_none_match: Some(if_none_match) };
        of_change("Submit", Uuid::from_u128(1), &preconditions, &EventChange::Submit)
    }

    fn hex(fingerprint: [u8; 32]) -> String {
        fingerprint.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn different_requests_have_different_fingerprints() {
        let patch = |patch: EventPatch| of("Update", 1, None, &EventChange::Update(patch));
        let fingerprints = [
            of("Submit", 1, None, &EventChange::Submit),
            of("Approve", 1, None, &EventChange::Approve),
            of("Delete", 1, None, &EventChange::Delete),
            of("Reject", 1, None, &EventChange::Reject { reason: "one good reason".into() }),
            of("Reject", 1, None, &EventChange::Reject { reason: "another good reason".into() }),
            of("Submit", 2, None, &EventChange::Submit),
            of("Submit", 1, Some(EntityTags::Any), &EventChange::Submit),
            of("Submit", 1, Some(EntityTags::Versions(vec![1])), &EventChange::Submit),
            submit_unless(EntityTags::Any),
            submit_unless(EntityTags::Versions(vec![1])),
            patch(EventPatch::default()),
            patch(EventPatch { location: Some(None), ..EventPatch::default() }),
            patch(EventPatch { location: Some(Some("Here".into())), ..EventPatch::default() }),
            patch(EventPatch { title: Some("Here".into()), ..EventPatch::default() }),
            patch(EventPatch { description: Some("Here".into()), ..EventPatch::default() }),
        ];
        assert_eq!(fingerprints.iter().collect::<HashSet<_>>().len(), fingerprints.len());
    }

    #[test]
    fn a_fingerprint_does_not_change_between_releases() {
        let fingerprint = of("Reject", 1, None, &EventChange::Reject { reason: "not this year".into() });
        assert_eq!(hex(fingerprint), "8ddab62969ba5e7318ad298b494f7a4e6950e81bd15b460e20e49d07986e73a4");

        let [start, end] = [0, 1].map(|millis| DateTime::from_timestamp_millis(1_800_000_000_000 + millis));
        let patch = EventPatch {
            title: Some("A title".into()),
            description: Some("A description".into()),
            location: Some(Some("Here".into())),
            start_date: start,
            end_date: end,
        };
        let versions = EntityTags::Versions(vec![1, 7]);
        let fingerprint = of("Update", 1, Some(versions), &EventChange::Update(patch));
        assert_eq!(hex(fingerprint), "2d23a6d7c10200972038da7dd6fb0c28d68bee349de81400a3d6e58fc2b75c01");

        let content = NewEvent {
            title: "A title".into(),
            description: "A description".into(),
            location: Some("Here".into()),
            start_date: start.unwrap_or_default(),
            end_date: end.unwrap_or_default(),
        };
        let fingerprint = of_create("Create", &Preconditions::default(), &content);
        assert_eq!(hex(fingerprint), "3adfd823574693954a23934fb4602e6e2dedfea1eb2fab32023abf24c676225a");
    }
}
