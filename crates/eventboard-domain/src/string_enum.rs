//! The enums whose values are strings in the HTTP API and in the database: roles, statuses, actions and sort orders.
//!
//! Each enum is declared once. Its strings are used in JSON. Generic code (columns, query parameters, schemas) uses
//! the trait [`StringEnum`]. `eventboard-proto` converts to and from the gRPC enums.

use std::{fmt, hash::Hash, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// An enum whose values have string representations.
pub trait StringEnum:
    Copy + Eq + Hash + fmt::Display + FromStr<Err = UnknownVariant> + Send + Sync + 'static
{
    /// The name of the database type and of the OpenAPI schema.
    const NAME: &'static str;
    /// The description in the OpenAPI document.
    const DESCRIPTION: &'static str;
    /// All values, in declaration order.
    const ALL: &'static [Self];

    /// Returns the string of the value.
    fn as_str(self) -> &'static str;
}

/// A string that is not a value of the enum.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be one of {}", allowed.join(", "))]
pub struct UnknownVariant {
    allowed: Vec<&'static str>,
}

macro_rules! string_enum {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// All values, in declaration order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the string used in the API and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl StringEnum for $name {
            const NAME: &'static str = stringify!($name);
            const DESCRIPTION: &'static str = concat!($($doc),+);
            const ALL: &'static [Self] = Self::ALL;

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownVariant;

            fn from_str(text: &str) -> Result<Self, UnknownVariant> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == text)
                    .ok_or_else(|| {
                        let allowed = Self::ALL.iter().map(|value| value.as_str()).collect();
                        UnknownVariant { allowed }
                    })
            }
        }
    };
}

string_enum! {
    /// The role of a user in the organization.
    Role {
        /// Creates and submits the user's own events.
        User = "USER",
        /// Also approves, rejects and edits all events.
        Moderator = "MODERATOR",
        /// Also deletes all events.
        Admin = "ADMIN",
    }
}

impl Role {
    /// Returns whether the role may see, edit, approve and reject all events of the organization.
    pub const fn can_moderate(self) -> bool {
        matches!(self, Self::Moderator | Self::Admin)
    }
}

string_enum! {
    /// The status of an event. The values are in workflow order, which is also the sort order.
    EventStatus {
        /// The owner is editing the event.
        Draft = "DRAFT",
        /// The event waits for a moderator.
        Submitted = "SUBMITTED",
        /// The whole organization sees the event.
        Approved = "APPROVED",
        /// A moderator returned the event to its owner with a reason.
        Rejected = "REJECTED",
    }
}

string_enum! {
    /// The action that an entry of the event history records.
    HistoryAction {
        /// The event was created.
        Create = "CREATE",
        /// The owner submitted the event.
        Submit = "SUBMIT",
        /// A moderator approved the event.
        Approve = "APPROVE",
        /// A moderator rejected the event.
        Reject = "REJECT",
        /// The event was deleted.
        Delete = "DELETE",
    }
}

string_enum! {
    /// What an entry of the audit records.
    AuditAction {
        /// A user signed up.
        SignedUp = "SIGNED_UP",
        /// A user logged in.
        LoginSucceeded = "LOGIN_SUCCEEDED",
        /// Somebody could not log in to an existing account.
        LoginFailed = "LOGIN_FAILED",
        /// Passwords for an existing account were refused unchecked, because too many were wrong. Only the first one is recorded.
        LoginThrottled = "LOGIN_THROTTLED",
        /// A session of a user ended before it expired.
        SessionRevoked = "SESSION_REVOKED",
        /// A refresh token that was just replaced was used from another address.
        SessionRefreshedElsewhere = "SESSION_REFRESHED_ELSEWHERE",
        /// A user changed their password.
        PasswordChanged = "PASSWORD_CHANGED",
        /// Somebody asked for the link with which the password of an account can be reset.
        PasswordResetRequested = "PASSWORD_RESET_REQUESTED",
        /// A user set a new password with such a link.
        PasswordReset = "PASSWORD_RESET",
        /// A user proved that the address of the account is theirs, or the operator vouched for it.
        EmailVerified = "EMAIL_VERIFIED",
        /// A user asked for another address.
        EmailChangeRequested = "EMAIL_CHANGE_REQUESTED",
        /// A user proved that the new address is theirs. From now on, it is the address of the account.
        EmailChanged = "EMAIL_CHANGED",
        /// A user got another role.
        RoleChanged = "ROLE_CHANGED",
        /// A user can no longer log in.
        UserDisabled = "USER_DISABLED",
        /// A disabled user can log in again.
        UserEnabled = "USER_ENABLED",
        /// A user deleted their account, or somebody removed them.
        UserDeleted = "USER_DELETED",
        /// The events of a user belong to another one.
        EventsTransferred = "EVENTS_TRANSFERRED",
        /// A user took a copy of their data.
        DataExported = "DATA_EXPORTED",
        /// Somebody was invited to the organization.
        InvitationCreated = "INVITATION_CREATED",
        /// Somebody joined the organization with an invitation.
        InvitationUsed = "INVITATION_USED",
        /// An invitation does not work any more.
        InvitationWithdrawn = "INVITATION_WITHDRAWN",
        /// A setting of the organization has another value.
        SettingsChanged = "SETTINGS_CHANGED",
        /// The organization and everything in it was deleted.
        OrganizationDeleted = "ORGANIZATION_DELETED",
        /// The operator removed idempotency keys.
        IdempotencyKeysCleared = "IDEMPOTENCY_KEYS_CLEARED",
        /// The operator had mails sent again that could not be sent.
        MailsRetried = "MAILS_RETRIED",
        /// The operator deleted mails that could not be sent.
        MailsDiscarded = "MAILS_DISCARDED",
        /// The operator added demo data or generated data.
        DataSeeded = "DATA_SEEDED",
        /// The operator brought the schema up to date.
        SchemaMigrated = "SCHEMA_MIGRATED",
    }
}

string_enum! {
    /// Why an invitation does not work any more, although nobody has used it.
    InvitationEnd {
        /// An admin withdrew it.
        Withdrawn = "WITHDRAWN",
        /// Whoever sent it is no admin any more: they were demoted, disabled or deleted.
        InviterNoAdmin = "INVITER_NO_ADMIN",
    }
}

string_enum! {
    /// Why a session ended before it expired.
    SessionEnd {
        /// The user logged out.
        LoggedOut = "LOGGED_OUT",
        /// The user ended it from another session.
        Revoked = "REVOKED",
        /// The operator ended it.
        RevokedByOperator = "REVOKED_BY_OPERATOR",
        /// The user changed the password in another session.
        PasswordChanged = "PASSWORD_CHANGED",
        /// The user set a new password with a link.
        PasswordReset = "PASSWORD_RESET",
        /// The user was disabled.
        UserDisabled = "USER_DISABLED",
        /// The user got another role. Only browser sessions end for this.
        RoleChanged = "ROLE_CHANGED",
        /// A refresh token was used that had been replaced.
        TokenReused = "TOKEN_REUSED",
        /// The user had more sessions than allowed, and this one was not used for the longest time.
        TooMany = "TOO_MANY",
    }
}

string_enum! {
    /// What the action of an audit entry was about.
    AuditTargetType {
        /// A user.
        User = "USER",
        /// An organization.
        Organization = "ORGANIZATION",
        /// An invitation.
        Invitation = "INVITATION",
    }
}

string_enum! {
    /// The reason why a login fails. It is only logged and recorded in the audit, because the caller must receive the same
    /// error for all reasons.
    LoginFailure {
        /// No user has the e-mail address.
        UnknownUser = "UNKNOWN_USER",
        /// The password does not match.
        WrongPassword = "WRONG_PASSWORD",
        /// The password is right, but the account is disabled.
        DisabledUser = "DISABLED_USER",
    }
}

string_enum! {
    /// The limit of wrong passwords that was reached.
    ThrottleLimit {
        /// That of an account and a block of addresses.
        Address = "ADDRESS",
        /// That of an account from everywhere.
        Account = "ACCOUNT",
    }
}

string_enum! {
    /// The sort key of a list of events. Events with equal keys are sorted by id.
    SortBy {
        /// The start of the event.
        StartDate = "startDate",
        /// The time of creation.
        CreatedAt = "createdAt",
        /// The title, without regard to case.
        Title = "title",
        /// The status, in workflow order.
        Status = "status",
    }
}

string_enum! {
    /// The sort direction.
    SortOrder {
        /// Smallest value first.
        Ascending = "asc",
        /// Largest value first.
        Descending = "desc",
    }
}

string_enum! {
    /// What a link in a mail does.
    LinkKind {
        /// It resets the password.
        ResetPassword = "RESET_PASSWORD",
        /// It proves that the address of the account is the user's.
        VerifyEmail = "VERIFY_EMAIL",
        /// It proves that another address is the user's, and makes it the address of the account.
        ChangeEmail = "CHANGE_EMAIL",
    }
}

string_enum! {
    /// What a mail is about.
    MailKind {
        /// The recipient has signed up.
        Welcome = "WELCOME",
        /// The recipient asked for another link to verify their address.
        VerifyEmail = "VERIFY_EMAIL",
        /// The recipient wants this address instead of the one of the account.
        ConfirmEmail = "CONFIRM_EMAIL",
        /// The recipient asked for another address. This goes to the one of the account.
        EmailChangeRequested = "EMAIL_CHANGE_REQUESTED",
        /// The account has another address. This goes to the former one.
        EmailChanged = "EMAIL_CHANGED",
        /// Somebody has forgotten the password of the recipient's account.
        PasswordReset = "PASSWORD_RESET",
        /// The recipient's password was changed.
        PasswordChanged = "PASSWORD_CHANGED",
        /// Somebody is invited to an organization.
        Invitation = "INVITATION",
        /// The recipient has another role.
        RoleChanged = "ROLE_CHANGED",
        /// The recipient can no longer log in.
        UserDisabled = "USER_DISABLED",
        /// The recipient's account was deleted.
        AccountDeleted = "ACCOUNT_DELETED",
        /// A moderator approved the recipient's event.
        EventApproved = "EVENT_APPROVED",
        /// A moderator rejected the recipient's event.
        EventRejected = "EVENT_REJECTED",
    }
}

string_enum! {
    /// The state of a mail in the outbox.
    OutboxState {
        /// It will be sent, or sent again.
        Due = "DUE",
        /// It was sent, or there was nothing to send any more.
        Done = "DONE",
        /// It could not be sent, and is not tried again.
        Dead = "DEAD",
    }
}

string_enum! {
    /// When a user gets mails about decisions on their events.
    DecisionMails {
        /// As soon as a moderator has decided.
        Immediate = "immediate",
        /// Never.
        Off = "off",
    }
}

/// The sort key when the request contains none.
impl Default for SortBy {
    fn default() -> Self {
        Self::StartDate
    }
}

/// The sort direction when the request contains none.
impl Default for SortOrder {
    fn default() -> Self {
        Self::Ascending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_values_round_trip<T: StringEnum + fmt::Debug>() {
        for value in T::ALL {
            assert_eq!(value.as_str().parse(), Ok(*value), "{}", T::NAME);
        }
    }

    #[test]
    fn every_value_round_trips_through_its_string() {
        assert_values_round_trip::<Role>();
        assert_values_round_trip::<EventStatus>();
        assert_values_round_trip::<HistoryAction>();
        assert_values_round_trip::<AuditAction>();
        assert_values_round_trip::<AuditTargetType>();
        assert_values_round_trip::<SessionEnd>();
        assert_values_round_trip::<InvitationEnd>();
        assert_values_round_trip::<LoginFailure>();
        assert_values_round_trip::<LinkKind>();
        assert_values_round_trip::<MailKind>();
        assert_values_round_trip::<OutboxState>();
        assert_values_round_trip::<DecisionMails>();
        assert_values_round_trip::<SortBy>();
        assert_values_round_trip::<SortOrder>();
    }

    #[test]
    fn the_error_for_an_unknown_value_lists_the_allowed_ones() {
        let error = "draft".parse::<EventStatus>().expect_err("statuses are upper case");
        assert_eq!(error.to_string(), "must be one of DRAFT, SUBMITTED, APPROVED, REJECTED");
    }
}
