//! The identity of a caller.

use uuid::Uuid;

use crate::{Refusal, Role};

/// The identity in a verified token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The ID of the user.
    pub user_id: Uuid,
    /// The ID of the user's organization. The user can access no other organization.
    pub organization_id: Uuid,
    /// The user's role in the organization.
    pub role: Role,
}

impl Identity {
    /// Checks that the caller may administer the organization.
    ///
    /// # Errors
    /// `AdminRequired` for every other role.
    pub fn require_admin(&self) -> Result<(), Refusal> {
        match self.role {
            Role::Admin => Ok(()),
            Role::User | Role::Moderator => Err(Refusal::AdminRequired),
        }
    }
}
