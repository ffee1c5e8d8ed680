//! Who a request speaks for.

use uuid::Uuid;

use crate::Role;

/// Who a verified token speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The user's id.
    pub user_id: Uuid,
    /// The organization that everything the user does is confined to.
    pub organization_id: Uuid,
    /// The role within it.
    pub role: Role,
}
