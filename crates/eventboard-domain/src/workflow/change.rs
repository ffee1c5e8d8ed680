//! A change of an event: what is asked for, and what comes of it.

use chrono::{DateTime, Utc};

use super::{APPROVE, IfMatch, REJECT, SUBMIT, check};
use crate::{Event, EventAction, EventPatch, EventStatus, HistoryAction, Identity, Refusal};

/// What is asked for, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventChange {
    /// Changes fields.
    Update(EventPatch),
    /// Deletes it.
    Delete,
    /// Hands it in.
    Submit,
    /// Accepts it.
    Approve,
    /// Sends it back.
    Reject {
        /// What its owner is told.
        reason: String,
    },
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: every field has the value that was asked for.
    Unchanged(Event),
    /// Other fields than the status are different.
    Updated(Event),
    /// The status is different.
    Moved {
        /// The event after it.
        event: Event,
        /// The status before it.
        from: EventStatus,
        /// The word of the history.
        recorded_as: HistoryAction,
    },
    /// The event goes, and was this.
    Deleted(Event),
}

impl EventChange {
    /// What the rules are asked about.
    fn action(&self) -> EventAction {
        match self {
            Self::Update(_) => EventAction::Update,
            Self::Delete => EventAction::Delete,
            Self::Submit => EventAction::Submit,
            Self::Approve => EventAction::Approve,
            Self::Reject { reason: _ } => EventAction::Reject,
        }
    }

    /// Decides whether the caller may make the change now, and what it does.
    ///
    /// # Errors
    /// The first refusal in the order of the API: 404, 403, 412, 409, then 400 for what only the merged
    /// event shows.
    pub fn decide(
        &self,
        caller: &Identity,
        if_match: Option<&IfMatch>,
        event: Event,
        now: DateTime<Utc>,
    ) -> Result<Effect, Refusal> {
        check(caller, self.action(), if_match, &event)?;
        Ok(match self {
            Self::Update(patch) => update(patch, event, now)?,
            Self::Delete => Effect::Deleted(event),
            Self::Submit => SUBMIT.apply(event, None, now),
            Self::Approve => APPROVE.apply(event, None, now),
            Self::Reject { reason } => REJECT.apply(event, Some(reason.clone()), now),
        })
    }
}

/// A patch that leaves every field as it is changes nothing, not even the version.
fn update(patch: &EventPatch, event: Event, now: DateTime<Utc>) -> Result<Effect, Refusal> {
    let merged = patch.apply(&event)?;
    Ok(if merged == event { Effect::Unchanged(event) } else { Effect::Updated(merged.changed_at(now)) })
}

impl Effect {
    /// The event as it is afterwards; `None` when it is gone.
    pub fn into_remaining(self) -> Option<Event> {
        match self {
            Self::Unchanged(event)
            | Self::Updated(event)
            | Self::Moved { event, from: _, recorded_as: _ } => Some(event),
            Self::Deleted(_) => None,
        }
    }
}
