//! How people are called.

use uuid::Uuid;

/// Somebody whose events the caller sees.
pub(crate) struct Person {
    pub id: Uuid,
    /// The first and the last name. `None`: the user was deleted.
    pub display_name: Option<String>,
}
