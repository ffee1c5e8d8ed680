//! What can be done to an event. Who may do it, and when, is the workflow's.

/// What is done to an event that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventAction {
    /// Fields change, the status stays.
    Update,
    /// The event goes.
    Delete,
    /// Its owner hands it in.
    Submit,
    /// A moderator accepts it.
    Approve,
    /// A moderator sends it back.
    Reject,
}
