//! Users, organizations, and the input for signup and login.

use chrono::{DateTime, Utc};
use eventboard_domain::{Identity, Membership, Role, TokenSession};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{password::TypedPassword, session_kind::SessionKind};

/// A user as returned to clients. It contains personal data, so log only the id.
#[derive(Clone)]
pub(crate) struct User {
    pub id: Uuid,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub role: Role,
    pub organization_id: Uuid,
    pub created_at: DateTime<Utc>,
    /// When the user proved that the address is theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// The address that the user wants instead, and has not proved to be theirs yet.
    pub pending_email: Option<String>,
    /// A language tag. `None`: no choice.
    pub language: Option<String>,
    /// The name of a time zone. `None`: that of the organization.
    pub time_zone: Option<String>,
}

impl User {
    /// Returns the identity for a token of this user in a session.
    pub(crate) fn identity(&self, session: TokenSession) -> Identity {
        Identity { user_id: self.id, organization_id: self.organization_id, role: self.role, session }
    }
}

/// A tenant.
pub(crate) struct Organization {
    pub id: Uuid,
    pub name: String,
    pub slug: String,
}

/// The input for a signup. All fields were validated with the domain rules, and the password is prepared.
pub(crate) struct Signup {
    /// `None`: the address that was invited.
    pub email: Option<String>,
    pub password: SecretString,
    pub first_name: String,
    pub last_name: String,
    pub organization: OrganizationChoice,
    pub kind: SessionKind,
}

/// The organization that a new user chooses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OrganizationChoice {
    /// A new organization, or one that allows open signup.
    Membership(Membership),
    /// The organization of the invitation with this token, which may be forged.
    Invitation(String),
}

/// A user to create.
pub(crate) struct NewUser {
    pub email: String,
    pub password: SecretString,
    pub first_name: String,
    pub last_name: String,
    pub membership: Membership,
}

/// The input for a login. Only presence and length were checked.
pub(crate) struct LoginCredentials {
    pub email: String,
    pub password: TypedPassword,
    pub kind: SessionKind,
}

/// The input for a reset of the password. The new one was validated with the domain rules, and is prepared.
pub(crate) struct PasswordReset {
    /// The token of a link. It may be forged.
    pub token: String,
    pub new: SecretString,
}

/// The input for a change of the address. The new one was validated with the domain rules.
pub(crate) struct EmailChange {
    pub new: String,
    pub password: TypedPassword,
}

/// The input for a change of the password. The new one was validated with the domain rules, and is prepared.
pub(crate) struct PasswordChange {
    pub current: TypedPassword,
    pub new: SecretString,
}
