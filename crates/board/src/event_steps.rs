//! What the viewer may do with an event.

use eventboard_domain::{
    Event as DomainEvent, EventChange, EventPatch, Identity, Preconditions, TokenSession,
};
use uuid::Uuid;

use crate::{event::Event, viewer::Viewer};

/// What pages offer to do with an event. The workflow of the domain tells it, and events-service decides again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one button")]
pub(crate) struct EventSteps {
    pub(crate) submit: bool,
    pub(crate) publish: bool,
    pub(crate) send_back: bool,
    pub(crate) edit: bool,
    pub(crate) delete: bool,
    /// Whether the viewer could do more with a verified address.
    pub(crate) needs_verified_email: bool,
}

impl EventSteps {
    /// What the viewer may do with the event.
    pub(crate) fn of(viewer: &Viewer, event: &Event) -> Self {
        let identity = Identity {
            user_id: viewer.id,
            organization_id: viewer.organization_id,
            role: viewer.role,
            session: TokenSession::UNDATED,
        };
        let event = domain_event(viewer, event);
        let is_allowed = |change: &EventChange| {
            change.decide(&identity, &Preconditions::default(), event.clone(), event.updated_at).is_ok()
        };
        let is_verified = |change: &EventChange| {
            !viewer.must_verify_email || !change.needs_verified_email(&identity, &event)
        };
        let may = |change: &EventChange| is_allowed(change) && is_verified(change);
        let reject = EventChange::Reject { reason: String::new() };
        let update = EventChange::Update(EventPatch::default());
        let changes = [&EventChange::Submit, &EventChange::Approve, &reject, &update, &EventChange::Delete];
        Self {
            submit: may(&EventChange::Submit),
            publish: may(&EventChange::Approve),
            send_back: may(&reject),
            edit: may(&update),
            delete: may(&EventChange::Delete),
            needs_verified_email: changes.iter().any(|change| is_allowed(change) && !is_verified(change)),
        }
    }
}

/// The event as the workflow needs it: without its texts.
fn domain_event(viewer: &Viewer, event: &Event) -> DomainEvent {
    DomainEvent {
        id: Uuid::nil(),
        organization_id: viewer.organization_id,
        created_by_id: event.owner_id.parse().unwrap_or_default(),
        title: String::new(),
        description: String::new(),
        location: None,
        start_date: event.start,
        end_date: event.end,
        status: event.status,
        rejection_reason: None,
        submitted_at: event.submitted_at,
        created_at: event.created_at,
        updated_at: event.updated_at,
        version: event.version,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use chrono_tz::Tz;
    use eventboard_domain::{
        EventStatus::{self, Approved, Draft, Rejected, Submitted},
        Role::{self, Admin, Moderator, User},
    };

    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn viewer(role: Role) -> Viewer {
        Viewer {
            id: OWN,
            organization_id: Uuid::from_u128(3),
            organization_name: "Lindenhof Works".to_owned(),
            email: "ola@example.org".to_owned(),
            first_name: "Ola".to_owned(),
            last_name: "Nyberg".to_owned(),
            role,
            must_verify_email: false,
            has_verified_email: true,
            zone: Tz::UTC,
            organization_zone: Tz::UTC,
        }
    }

    fn event(status: EventStatus, owner: Uuid) -> Event {
        let start = DateTime::UNIX_EPOCH;
        Event {
            id: Uuid::from_u128(9).to_string(),
            title: "Autumn hackathon".to_owned(),
            description: "Two days, four teams.".to_owned(),
            location: None,
            start,
            end: start + TimeDelta::hours(1),
            status,
            rejection_reason: None,
            owner_id: owner.to_string(),
            created_at: start,
            updated_at: start,
            submitted_at: None,
            version: 1,
        }
    }

    /// The steps as text: one word each.
    fn steps(viewer: &Viewer, status: EventStatus, owner: Uuid) -> String {
        let EventSteps { submit, publish, send_back, edit, delete, needs_verified_email } =
            EventSteps::of(viewer, &event(status, owner));
        let words = [
            (submit, "submit"),
            (publish, "publish"),
            (send_back, "send-back"),
            (edit, "edit"),
            (delete, "delete"),
            (needs_verified_email, "verify"),
        ];
        let words: Vec<_> = words.into_iter().filter_map(|(is, word)| is.then_some(word)).collect();
        words.join(" ")
    }

    #[test]
    fn the_steps_depend_on_status_role_and_owner() {
        for (role, owner, status, expected) in [
            (User, OWN, Draft, "submit edit delete"),
            (User, OWN, Rejected, "submit edit delete"),
            (User, OWN, Submitted, ""),
            (User, OWN, Approved, ""),
            (User, OTHER, Approved, ""),
            (Moderator, OTHER, Draft, "edit"),
            (Moderator, OTHER, Submitted, "publish send-back edit"),
            (Moderator, OTHER, Approved, "edit"),
            (Moderator, OWN, Submitted, "publish send-back edit"),
            (Admin, OTHER, Draft, "edit delete"),
            (Admin, OTHER, Submitted, "publish send-back edit delete"),
            (Admin, OTHER, Approved, "edit delete"),
        ] {
            assert_eq!(steps(&viewer(role), status, owner), expected, "{role:?} {owner} {status:?}");
        }
    }

    #[test]
    fn without_a_verified_address_one_works_on_own_drafts_only() {
        let unverified = |role| Viewer { must_verify_email: true, ..viewer(role) };
        assert_eq!(steps(&unverified(User), Draft, OWN), "edit delete verify");
        assert_eq!(steps(&unverified(User), Approved, OWN), "");
        assert_eq!(steps(&unverified(Moderator), Submitted, OTHER), "verify");
    }
}
