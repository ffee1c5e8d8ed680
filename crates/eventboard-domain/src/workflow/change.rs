//! Changes to an event and their effects.

use chrono::{DateTime, Utc};

use super::{APPROVE, REJECT, SUBMIT, check_action};
use crate::{
    ByteLimit, Event, EventAction, EventPatch, EventStatus, Growth, HistoryAction, Identity, Preconditions,
    ROW_BYTES, Refusal, StorageUsage, Violations,
    quotas::{byte_count, key_bytes},
};

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

    /// Whether only a caller with a verified e-mail address may make the change: everything but work on their own drafts.
    pub fn needs_verified_email(&self, caller: &Identity, event: &Event) -> bool {
        let is_own_draft = event.created_by_id == caller.user_id
            && matches!(event.status, EventStatus::Draft | EventStatus::Rejected);
        match self {
            Self::Update(_) | Self::Delete => !is_own_draft,
            Self::Submit | Self::Approve | Self::Reject { reason: _ } => true,
        }
    }

    /// Decides whether the caller may make the change now, and returns its effect. Before the effect is written, it
    /// must also pass the quotas ([`Effect::growth`]) and [`Effect::check_dates`], in this order.
    ///
    /// # Errors
    /// Returns the first refusal in the order that the API documents: 404, 403, 412, then 409 because of the status.
    pub fn decide(
        &self,
        caller: &Identity,
        preconditions: &Preconditions,
        event: Event,
        now: DateTime<Utc>,
    ) -> Result<Effect, Refusal> {
        check_action(caller, self.action(), preconditions, &event)?;
        Ok(match self {
            Self::Update(patch) => update(patch, event, now),
            Self::Delete => Effect::Deleted(event),
            Self::Submit => SUBMIT.apply(event, None, now),
            Self::Approve => APPROVE.apply(event, None, now),
            Self::Reject { reason } => REJECT.apply(event, Some(reason.clone()), now),
        })
    }
}

/// A patch that changes no field does not change the version either.
fn update(patch: &EventPatch, event: Event, now: DateTime<Utc>) -> Effect {
    let merged = patch.apply(&event);
    if merged == event { Effect::Unchanged(event) } else { Effect::Updated(merged.next_version(now)) }
}

impl Effect {
    /// Checks what only the merged event shows: that it ends after it starts. This check comes after the quotas,
    /// because the API answers 409 before this 400.
    ///
    /// # Errors
    /// When the merged event is invalid.
    pub fn check_dates(&self) -> Result<(), Violations> {
        match self {
            Self::Updated(event) => event.check_dates(),
            Self::Unchanged(_) | Self::StatusChanged { .. } | Self::Deleted(_) => Ok(()),
        }
    }

    /// Returns what the change adds to the usage of the organization, together with its history entry and its key and
    /// response. `before` is the usage of the event before the change.
    pub fn growth(&self, before: StorageUsage, response: &[u8]) -> Growth {
        let after = self.event().map(Event::usage).unwrap_or_default();
        let mut usage = after - before;
        usage.bytes += self.history_bytes() + key_bytes(response);
        let byte_limit = match self {
            Self::Updated(_) if after.bytes > before.bytes => ByteLimit::Quota,
            Self::Updated(_) | Self::Unchanged(_) => ByteLimit::QuotaAndReserve,
            Self::StatusChanged { event: _, from: _, history_action } => match history_action {
                HistoryAction::Create | HistoryAction::Submit => ByteLimit::Quota,
                // The quotas never prevent a moderation. The next one needs another submission.
                HistoryAction::Approve | HistoryAction::Reject | HistoryAction::Delete => ByteLimit::None,
            },
            Self::Deleted(_) => ByteLimit::None,
        };
        Growth { usage, byte_limit }
    }

    /// Returns the bytes that the history entry of the change counts.
    fn history_bytes(&self) -> i64 {
        match self {
            Self::Unchanged(_) | Self::Updated(_) => 0,
            Self::StatusChanged { event, from: _, history_action: _ } => {
                ROW_BYTES + byte_count(event.rejection_reason.as_ref().map_or(0, String::len))
            }
            Self::Deleted(_) => ROW_BYTES,
        }
    }

    /// Returns the event after the change; `None` when it was deleted.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Unchanged(event)
            | Self::Updated(event)
            | Self::StatusChanged { event, from: _, history_action: _ } => Some(event),
            Self::Deleted(_) => None,
        }
    }
}
