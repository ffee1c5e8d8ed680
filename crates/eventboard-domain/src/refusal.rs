//! The business errors of the domain, with their messages for the caller.

use std::{borrow::Cow, fmt, time::Duration};

use crate::{EventAction, EventStatus, Quota, Violations};

/// The reason why the domain rejects a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// At least one input field is invalid.
    Invalid(Violations),
    /// The event does not exist, or the caller may not see it. The caller cannot distinguish the two.
    EventNotFound,
    /// The caller may see the event, but may not perform this action on it.
    EventForbidden(EventAction),
    /// `If-Match` does not match the current version.
    StaleVersion,
    /// Another condition of the request is false (RFC 9110, section 13.1).
    PreconditionFailed {
        /// The header that contains the condition.
        header: &'static str,
    },
    /// The event's status does not allow the transition.
    WrongStatus {
        /// The status of the event.
        status: EventStatus,
        /// The statuses that allow the transition.
        allowed: &'static [EventStatus],
        /// The transition as a participle: `approved`.
        participle: &'static str,
    },
    /// The idempotency key was used for another request.
    KeyReused,
    /// Another user has the e-mail address (compared without regard to case).
    EmailTaken,
    /// An organization with the same slug exists.
    OrganizationNameTaken {
        /// The requested name.
        name: String,
    },
    /// No organization has the id.
    OrganizationNotFound,
    /// The organization does not allow open signup.
    OrganizationClosed,
    /// The organization would store more than it may.
    QuotaExceeded {
        /// The limit that would be exceeded.
        quota: Quota,
        /// The value of the limit.
        limit: i64,
    },
    /// Only a MODERATOR or an ADMIN may do this.
    ModeratorRequired,
    /// Only an ADMIN may do this.
    AdminRequired,
    /// Nobody could administer the organization afterwards.
    LastAdmin,
    /// The caller would delete their own account without its password.
    OwnAccount,
    /// The organization has no member with the id.
    MemberNotFound,
    /// The organization has no invitation with the id that waits for an answer.
    InvitationNotFound,
    /// The caller has not proved that the e-mail address of their account is theirs.
    EmailNotVerified,
    /// The login failed. The caller must not learn whether the user is unknown or disabled or the password is wrong.
    WrongCredentials,
    /// The token is genuine, but its user was deleted or disabled, or now has another role or organization, or its session
    /// has ended.
    TokenOutdated,
    /// The refresh token is not genuine, or was replaced, or its session has ended.
    RefreshTokenInvalid,
    /// The caller has no session with the id.
    SessionNotFound,
    /// This was tried too often.
    Throttled {
        /// The time until it can be tried again.
        retry_after: Duration,
    },
}

impl Refusal {
    /// Returns the message for the caller.
    pub fn message(&self) -> Cow<'static, str> {
        let message = match self {
            Self::Invalid(_) => "The request is not valid.",
            Self::EventNotFound => "There is no such event.",
            Self::EventForbidden(action) => forbidden(*action),
            Self::StaleVersion => {
                "It has changed since; read it again and repeat the request with its new ETag."
            }
            Self::PreconditionFailed { header } => {
                return format!("The condition in {header} is false, so the request was not performed.")
                    .into();
            }
            Self::WrongStatus { status, allowed, participle } => {
                return wrong_status(*status, allowed, participle).into();
            }
            Self::KeyReused => {
                "The Idempotency-Key was used for another request; use a new key for a new request."
            }
            Self::EmailTaken => "A user with this e-mail address exists already.",
            Self::OrganizationNameTaken { name } => {
                return format!("The organization name \"{name}\" is taken.").into();
            }
            Self::OrganizationNotFound => "There is no organization with this id.",
            Self::OrganizationClosed => "This organization does not allow open signup.",
            Self::QuotaExceeded { quota, limit } => {
                return format!("The organization has reached its limit of {} ({limit}).", quota.name())
                    .into();
            }
            Self::EmailNotVerified => {
                "Verify your e-mail address first: open the link in the mail, or ask for another one."
            }
            Self::ModeratorRequired => "Only a moderator or an admin of the organization may do this.",
            Self::AdminRequired => "Only an admin of the organization may do this.",
            Self::LastAdmin => {
                "This is the last admin of the organization who can log in. Make another member an admin first."
            }
            Self::OwnAccount => {
                "This is your own account. Delete it with POST /auth/me/delete, which asks for your password."
            }
            Self::MemberNotFound => "The organization has no member with this id.",
            Self::InvitationNotFound => "There is no open invitation with this id.",
            Self::WrongCredentials => "The e-mail address or the password is wrong.",
            Self::TokenOutdated => "This token is no longer valid. Log in again.",
            Self::RefreshTokenInvalid => "This refresh token is not valid. Log in again.",
            Self::SessionNotFound => "You have no session with this id.",
            Self::Throttled { retry_after: _ } => {
                "This was tried too often. Try again after the time in Retry-After."
            }
        };
        message.into()
    }
}

fn forbidden(action: EventAction) -> &'static str {
    match action {
        EventAction::Update => {
            "Only its owner, while it is DRAFT or REJECTED, or a moderator may change this event."
        }
        EventAction::Delete => {
            "Only its owner, while it is DRAFT or REJECTED, or an admin may delete this event."
        }
        EventAction::Submit => "Only its owner may submit this event.",
        EventAction::Approve => "Only a moderator may approve an event.",
        EventAction::Reject => "Only a moderator may reject an event.",
    }
}

fn wrong_status(status: EventStatus, allowed: &[EventStatus], participle: &str) -> String {
    let allowed = allowed.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ");
    format!("The event is {status}; only a {allowed} event can be {participle}.")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Refusal {}

impl From<Violations> for Refusal {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
