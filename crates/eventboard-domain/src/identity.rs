//! The identity of a caller.

use uuid::Uuid;

use crate::Role;

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
