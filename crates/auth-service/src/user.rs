//! Users, their organizations, and what a newcomer asks for.

use chrono::{DateTime, Utc};
use eventboard_chassis::token::Identity;
use eventboard_domain::Role;
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

/// How a newcomer gets into an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Membership {
    /// Founds it and becomes its ADMIN.
    Found { name: String, slug: String },
    /// Joins one that allows open signup, as USER.
    Join(Uuid),
}

impl Membership {
    /// Whether the organization does not exist before.
    pub(crate) fn founds(&self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// The role that the newcomer gets.
    pub(crate) fn role(&self) -> Role {
        if self.founds() { Role::Admin } else { Role::User }
    }
}

/// What somebody logs in with: present and not too long, nothing else is known.
pub(crate) struct Login {
    pub email: String,
    pub password: SecretString,
}
