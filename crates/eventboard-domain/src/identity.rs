//! The identity of a caller.

use chrono::{DateTime, Utc};
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
    /// What keeps the token valid.
    pub session: TokenSession,
}

/// What keeps a token valid, besides its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenSession {
    /// A session that has not ended.
    Session {
        /// The claim `sid`.
        id: Uuid,
        /// The claim `gen`: the number of the refresh after which the token was issued, from 1.
        generation: i32,
    },
    /// Nothing. A release without sessions issued the token at this time, in whole seconds.
    IssuedAt(DateTime<Utc>),
}

impl TokenSession {
    /// What a token has that neither names a session nor says when it was issued.
    pub const UNDATED: Self = Self::IssuedAt(DateTime::UNIX_EPOCH);

    /// The ID of the session.
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Self::Session { id, generation: _ } => Some(*id),
            Self::IssuedAt(_) => None,
        }
    }

    /// When a token without a session was issued.
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Session { id: _, generation: _ } => None,
            Self::IssuedAt(issued_at) => Some(*issued_at),
        }
    }
}

impl Identity {
    /// Checks that the caller may see all members of the organization.
    ///
    /// # Errors
    /// `ModeratorRequired` for every other role.
    pub fn require_moderator(&self) -> Result<(), Refusal> {
        if self.role.can_moderate() { Ok(()) } else { Err(Refusal::ModeratorRequired) }
    }

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
