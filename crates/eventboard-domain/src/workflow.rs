//! The workflow: who may do what to an event in which status, and what becomes of the event.

mod change;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::change::{Effect, EventChange};
use crate::{
    Event, EventAction,
    EventStatus::{self, Approved, Draft, Rejected, Submitted},
    HistoryAction, Identity, Refusal,
    Role::Admin,
};

/// The condition of `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Any version, `*`.
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
}

impl IfMatch {
    fn holds(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// Which events of the organization a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// All of them.
    Everything,
    /// Those of this user, and the approved ones.
    OwnAndApproved(Uuid),
}

impl Visibility {
    /// What the caller sees.
    pub fn of(caller: &Identity) -> Self {
        if caller.role.moderates() { Self::Everything } else { Self::OwnAndApproved(caller.user_id) }
    }

    fn includes(self, event: &Event) -> bool {
        match self {
            Self::Everything => true,
            Self::OwnAndApproved(user_id) => event.created_by_id == user_id || event.status == Approved,
        }
    }
}

/// A change of status.
#[derive(Debug)]
struct Transition {
    from: &'static [EventStatus],
    to: EventStatus,
    /// The word of the history.
    recorded_as: HistoryAction,
    /// What the event is then: `approved`.
    participle: &'static str,
}

const SUBMIT: Transition = Transition {
    from: &[Draft, Rejected],
    to: Submitted,
    recorded_as: HistoryAction::Submit,
    participle: "submitted",
};
const APPROVE: Transition = Transition {
    from: &[Submitted],
    to: Approved,
    recorded_as: HistoryAction::Approve,
    participle: "approved",
};
const REJECT: Transition = Transition {
    from: &[Submitted],
    to: Rejected,
    recorded_as: HistoryAction::Reject,
    participle: "rejected",
};

impl Transition {
    fn check(&self, status: EventStatus) -> Result<(), Refusal> {
        if self.from.contains(&status) {
            return Ok(());
        }
        Err(Refusal::WrongStatus { status, allowed: self.from, transition: self.participle })
    }

    /// The event after it, with the reason of the status that it has then.
    fn apply(&self, event: Event, rejection_reason: Option<String>, now: DateTime<Utc>) -> Effect {
        let from = event.status;
        let event = Event { status: self.to, rejection_reason, ..event.changed_at(now) };
        Effect::Moved { event, from, recorded_as: self.recorded_as }
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
        let owns = event.created_by_id == caller.user_id;
        let owner_may_edit = owns && matches!(event.status, Draft | Rejected);
        match self {
            Self::Update => owner_may_edit || caller.role.moderates(),
            Self::Delete => owner_may_edit || caller.role == Admin,
            Self::Submit => owns,
            Self::Approve | Self::Reject => caller.role.moderates(),
        }
    }
}

/// Decides whether the action may happen now, in the order in which the API answers: 404, 403, 412,
/// 409.
///
/// # Errors
/// The first refusal of that order.
fn check(
    caller: &Identity,
    action: EventAction,
    if_match: Option<&IfMatch>,
    event: &Event,
) -> Result<(), Refusal> {
    if event.organization_id != caller.organization_id || !Visibility::of(caller).includes(event) {
        return Err(Refusal::EventUnknown);
    }
    if !action.is_permitted(caller, event) {
        return Err(Refusal::EventForbidden(action));
    }
    if if_match.is_some_and(|condition| !condition.holds(event.version)) {
        return Err(Refusal::EventStale);
    }
    action.transition().map_or(Ok(()), |transition| transition.check(event.status))
}

#[cfg(test)]
mod tests;
