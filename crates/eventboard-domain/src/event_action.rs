//! The actions on an event. The workflow defines who may perform them and when.

/// An action on an existing event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventAction {
    /// Changes fields but not the status.
    Update,
    /// Deletes the event.
    Delete,
    /// The owner submits the event for moderation.
    Submit,
    /// A moderator approves the event.
    Approve,
    /// A moderator returns the event to its owner.
    Reject,
}
