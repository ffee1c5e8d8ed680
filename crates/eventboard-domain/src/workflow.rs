//! The workflow of events: who may perform which action in which status, and what the action changes.

mod change;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::change::{Effect, EventChange};
use crate::{
    Event, EventAction,
    EventStatus::{self, Approved, Draft, Rejected, Submitted},
    HistoryAction, Identity, Preconditions, Refusal,
    Role::Admin,
};

/// Which events of the organization a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// All events.
    Everything,
    /// The events of this user, and all approved events.
    OwnAndApproved(Uuid),
}

impl Visibility {
    /// Returns the visibility of the caller.
    pub fn of(caller: &Identity) -> Self {
        if caller.role.can_moderate() { Self::Everything } else { Self::OwnAndApproved(caller.user_id) }
    }

    fn includes(self, event: &Event) -> bool {
        match self {
            Self::Everything => true,
            Self::OwnAndApproved(user_id) => event.created_by_id == user_id || event.status == Approved,
        }
    }
}

/// A transition from one status to another.
#[derive(Debug)]
struct Transition {
    from: &'static [EventStatus],
    to: EventStatus,
    /// The action that the history records.
    history_action: HistoryAction,
    /// The participle for messages: `approved`.
    participle: &'static str,
}

const SUBMIT: Transition = Transition {
    from: &[Draft, Rejected],
    to: Submitted,
    history_action: HistoryAction::Submit,
    participle: "submitted",
};
const APPROVE: Transition = Transition {
    from: &[Submitted],
    to: Approved,
    history_action: HistoryAction::Approve,
    participle: "approved",
};
const REJECT: Transition = Transition {
    from: &[Submitted],
    to: Rejected,
    history_action: HistoryAction::Reject,
    participle: "rejected",
};

impl Transition {
    fn check(&self, status: EventStatus) -> Result<(), Refusal> {
        if self.from.contains(&status) {
            return Ok(());
        }
        Err(Refusal::WrongStatus { status, allowed: self.from, participle: self.participle })
    }

    /// Changes the status of the event. Sets the rejection reason, or clears it with `None`. A submission sets its time, and a
    /// decision keeps it.
    fn apply(&self, event: Event, rejection_reason: Option<String>, now: DateTime<Utc>) -> Effect {
        let from = event.status;
        let submitted_at = if self.to == Submitted { Some(now) } else { event.submitted_at };
        let event = Event { status: self.to, rejection_reason, submitted_at, ..event.next_version(now) };
        Effect::StatusChanged { event, from, history_action: self.history_action }
    }
}

impl EventAction {
    fn transition(self) -> Option<Transition> {
        match self {
            Self::Update | Self::Delete => None,
            Self::Submit => Some(SUBMIT),
            Self::Approve => Some(APPROVE),
            Self::Reject => Some(REJECT),
        }
    }

    fn is_permitted(self, caller: &Identity, event: &Event) -> bool {
        let is_owner = event.created_by_id == caller.user_id;
        let can_edit_as_owner = is_owner && matches!(event.status, Draft | Rejected);
        match self {
            Self::Update => can_edit_as_owner || caller.role.can_moderate(),
            Self::Delete => can_edit_as_owner || caller.role == Admin,
            Self::Submit => is_owner,
            Self::Approve | Self::Reject => caller.role.can_moderate(),
        }
    }
}

/// Decides whether the action is allowed now. Checks in the order that the API documents: 404, 403, 412, 409.
///
/// # Errors
/// Returns the first refusal in that order.
fn check_action(
    caller: &Identity,
    action: EventAction,
    preconditions: &Preconditions,
    event: &Event,
) -> Result<(), Refusal> {
    if event.organization_id != caller.organization_id || !Visibility::of(caller).includes(event) {
        return Err(Refusal::EventNotFound);
    }
    if !action.is_permitted(caller, event) {
        return Err(Refusal::EventForbidden(action));
    }
    preconditions.check_version(event.version)?;
    action.transition().map_or(Ok(()), |transition| transition.check(event.status))
}

#[cfg(test)]
mod tests;
