//! Changes to an event and their effects.

use chrono::{DateTime, Utc};

use super::{APPROVE, IfMatch, REJECT, SUBMIT, check_action};
use crate::{Event, EventAction, EventPatch, EventStatus, HistoryAction, Identity, Refusal};

/// A validated change to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventChange {
    /// Changes fields.
    Update(EventPatch),
    /// Deletes the event.
    Delete,
    /// Submits the event for moderation.
    Submit,
    /// Approves the event.
    Approve,
    /// Returns the event to its owner.
    Reject {
        /// The reason, shown to the owner.
        reason: String,
    },
}

/// The effect of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing changed: all fields already have the requested values.
    Unchanged(Event),
    /// Fields changed, but not the status.
    Updated(Event),
    /// The status changed.
    StatusChanged {
        /// The event after the change.
        event: Event,
        /// The status before the change.
        from: EventStatus,
        /// The action that the history records.
        history_action: HistoryAction,
    },
    /// The event, as it was before its deletion.
    Deleted(Event),
}

impl EventChange {
    /// Returns the action that must be allowed for this change.
    fn action(&self) -> EventAction {
        match self {
            Self::Update(_) => EventAction::Update,
            Self::Delete => EventAction::Delete,
            Self::Submit => EventAction::Submit,
            Self::Approve => EventAction::Approve,
            Self::Reject { reason: _ } => EventAction::Reject,
        }
    }

    /// Decides whether the caller may make the change now, and returns its effect.
    ///
    /// # Errors
    /// Returns the first refusal in the order that the API documents: 404, 403, 412, 409, then 400 when the merged
    /// event is invalid.
    pub fn decide(
        &self,
        caller: &Identity,
        if_match: Option<&IfMatch>,
        event: Event,
        now: DateTime<Utc>,
    ) -> Result<Effect, Refusal> {
        check_action(caller, self.action(), if_match, &event)?;
        Ok(match self {
            Self::Update(patch) => update(patch, event, now)?,
            Self::Delete => Effect::Deleted(event),
            Self::Submit => SUBMIT.apply(event, None, now),
            Self::Approve => APPROVE.apply(event, None, now),
            Self::Reject { reason } => REJECT.apply(event, Some(reason.clone()), now),
        })
    }
}

/// A patch that changes no field does not change the version either.
fn update(patch: &EventPatch, event: Event, now: DateTime<Utc>) -> Result<Effect, Refusal> {
    let merged = patch.apply(&event)?;
    Ok(if merged == event { Effect::Unchanged(event) } else { Effect::Updated(merged.next_version(now)) })
}

impl Effect {
    /// Returns the event after the change; `None` when it was deleted.
    pub fn into_event(self) -> Option<Event> {
        match self {
            Self::Unchanged(event)
            | Self::Updated(event)
            | Self::StatusChanged { event, from: _, history_action: _ } => Some(event),
            Self::Deleted(_) => None,
        }
    }
}
