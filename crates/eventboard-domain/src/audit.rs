//! What the audit records, besides what happens to events.

use serde::Serialize;
use uuid::Uuid;

use crate::{
    AuditAction, AuditTargetType, InvitationEnd, LoginFailure, Role, SessionEnd, SettingsChange,
    ThrottleLimit,
};

/// Something that the audit records, with its details. Details contain no secret, and name people by their ids only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum AuditEvent {
    /// A user signed up.
    SignedUp {
        /// The role of the new user.
        role: Role,
        /// Whether the user created the organization.
        created_organization: bool,
    },
    /// A user logged in.
    LoginSucceeded {},
    /// Somebody could not log in to an existing account.
    LoginFailed {
        /// Why the login failed.
        reason: LoginFailure,
    },
    /// Passwords for an existing account were refused unchecked, because too many were wrong.
    LoginThrottled {
        /// The limit that was reached.
        limit: ThrottleLimit,
    },
    /// A session of a user ended before it expired.
    SessionRevoked {
        /// The session.
        session_id: Uuid,
        /// Why it ended.
        reason: SessionEnd,
    },
    /// A refresh token that was just replaced was used from another address.
    SessionRefreshedElsewhere {
        /// The session.
        session_id: Uuid,
    },
    /// A user changed their password.
    PasswordChanged {},
    /// Somebody asked for the link with which the password of an account can be reset.
    PasswordResetRequested {},
    /// A user set a new password with such a link.
    PasswordReset {},
    /// A user proved that the address of the account is theirs, or the operator vouched for it.
    EmailVerified {},
    /// A user asked for another address.
    EmailChangeRequested {},
    /// A user proved that the new address is theirs. From now on, it is the address of the account.
    EmailChanged {},
    /// A user got another role.
    RoleChanged {
        /// The role before.
        from: Role,
        /// The role afterwards.
        to: Role,
    },
    /// A user can no longer log in.
    UserDisabled {},
    /// A disabled user can log in again.
    UserEnabled {},
    /// A user deleted their account, or somebody removed them.
    UserDeleted {},
    /// The events of a user belong to another one.
    EventsTransferred {
        /// The user who has them now.
        to: Uuid,
        /// The number of events.
        events: u64,
    },
    /// A user took a copy of their data.
    DataExported {},
    /// Somebody was invited to the organization.
    InvitationCreated {
        /// The role that they will have.
        role: Role,
    },
    /// Somebody joined the organization with an invitation.
    InvitationUsed {
        /// The role that they have.
        role: Role,
    },
    /// An invitation does not work any more.
    InvitationWithdrawn {
        /// Why it does not.
        reason: InvitationEnd,
    },
    /// Settings of the organization have other values.
    SettingsChanged(SettingsChange),
    /// The organization and everything in it was deleted.
    OrganizationDeleted {},
    /// Idempotency keys were removed.
    IdempotencyKeysCleared {
        /// The number of keys.
        keys: u64,
    },
    /// Mails that could not be sent will be sent again.
    MailsRetried {
        /// The number of mails.
        mails: u64,
    },
    /// Mails that could not be sent were deleted.
    MailsDiscarded {
        /// The number of mails.
        mails: u64,
    },
    /// Demo data or generated data was added.
    DataSeeded {
        /// The number of events.
        events: u64,
    },
    /// The schema was brought up to date.
    SchemaMigrated {
        /// The last migration before; null if there was no schema.
        from: Option<i64>,
        /// The last migration.
        to: i64,
    },
}

/// What an action was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditTarget {
    /// What it is.
    pub kind: AuditTargetType,
    /// Its id.
    pub id: Uuid,
}

impl AuditEvent {
    /// The word for the event.
    pub fn action(&self) -> AuditAction {
        match self {
            Self::SignedUp { role: _, created_organization: _ } => AuditAction::SignedUp,
            Self::LoginSucceeded {} => AuditAction::LoginSucceeded,
            Self::LoginFailed { reason: _ } => AuditAction::LoginFailed,
            Self::LoginThrottled { limit: _ } => AuditAction::LoginThrottled,
            Self::SessionRevoked { session_id: _, reason: _ } => AuditAction::SessionRevoked,
            Self::SessionRefreshedElsewhere { session_id: _ } => AuditAction::SessionRefreshedElsewhere,
            Self::PasswordChanged {} => AuditAction::PasswordChanged,
            Self::PasswordResetRequested {} => AuditAction::PasswordResetRequested,
            Self::PasswordReset {} => AuditAction::PasswordReset,
            Self::EmailVerified {} => AuditAction::EmailVerified,
            Self::EmailChangeRequested {} => AuditAction::EmailChangeRequested,
            Self::EmailChanged {} => AuditAction::EmailChanged,
            Self::RoleChanged { from: _, to: _ } => AuditAction::RoleChanged,
            Self::UserDisabled {} => AuditAction::UserDisabled,
            Self::UserEnabled {} => AuditAction::UserEnabled,
            Self::UserDeleted {} => AuditAction::UserDeleted,
            Self::EventsTransferred { to: _, events: _ } => AuditAction::EventsTransferred,
            Self::DataExported {} => AuditAction::DataExported,
            Self::InvitationCreated { role: _ } => AuditAction::InvitationCreated,
            Self::InvitationUsed { role: _ } => AuditAction::InvitationUsed,
            Self::InvitationWithdrawn { reason: _ } => AuditAction::InvitationWithdrawn,
            Self::SettingsChanged(_) => AuditAction::SettingsChanged,
            Self::OrganizationDeleted {} => AuditAction::OrganizationDeleted,
            Self::IdempotencyKeysCleared { keys: _ } => AuditAction::IdempotencyKeysCleared,
            Self::MailsRetried { mails: _ } => AuditAction::MailsRetried,
            Self::MailsDiscarded { mails: _ } => AuditAction::MailsDiscarded,
            Self::DataSeeded { events: _ } => AuditAction::DataSeeded,
            Self::SchemaMigrated { from: _, to: _ } => AuditAction::SchemaMigrated,
        }
    }
}

impl AuditTarget {
    /// A user.
    pub fn user(id: Uuid) -> Self {
        Self { kind: AuditTargetType::User, id }
    }

    /// An organization.
    pub fn organization(id: Uuid) -> Self {
        Self { kind: AuditTargetType::Organization, id }
    }

    /// An invitation.
    pub fn invitation(id: Uuid) -> Self {
        Self { kind: AuditTargetType::Invitation, id }
    }
}
