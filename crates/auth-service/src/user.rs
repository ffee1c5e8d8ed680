//! Users, their organizations, and what a newcomer asks for.

use chrono::{DateTime, Utc};
use eventboard_domain::{Identity, Membership, Role};
use secrecy::SecretString;
use uuid::Uuid;

/// A user as others may see it. It holds personal data: log its id alone.
#[derive(Clone)]
pub(crate) struct User {
    pub id: Uuid,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub role: Role,
    pub organization_id: Uuid,
    pub created_at: DateTime<Utc>,
}

impl User {
    /// Who a token of this user speaks for.
    pub(crate) fn identity(&self) -> Identity {
        Identity { user_id: self.id, organization_id: self.organization_id, role: self.role }
    }
}

/// A tenant.
pub(crate) struct Organization {
    pub id: Uuid,
    pub name: String,
    pub slug: String,
}

/// Someone who wants to become a user. Every text obeys the rules of the domain.
pub(crate) struct Newcomer {
    pub email: String,
    pub password: SecretString,
    pub first_name: String,
    pub last_name: String,
    pub membership: Membership,
}

/// What somebody logs in with: present and not too long, nothing else is known.
pub(crate) struct Login {
    pub email: String,
    pub password: SecretString,
}
