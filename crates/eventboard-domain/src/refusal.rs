//! Every refusal that a rule can give, and what the caller is told.

use std::{borrow::Cow, fmt};

use crate::{EventAction, EventStatus, Faults};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The input breaks rules.
    Invalid(Faults),
    /// There is no such event, or none that the caller may see: existence does not leak.
    EventUnknown,
    /// The caller sees the event, but may not do this to it.
    EventForbidden(EventAction),
    /// `If-Match` names another version of the event.
    EventStale,
    /// The status of the event does not allow the transition.
    WrongStatus {
        /// The status of the event.
        status: EventStatus,
        /// The statuses that allow it.
        allowed: &'static [EventStatus],
        /// The transition as a participle: `approved`.
        transition: &'static str,
    },
    /// The idempotency key belongs to another request.
    KeyReused,
    /// The e-mail address belongs to a user already, in whatever case it is written.
    EmailTaken,
    /// An organization of this name, or of one with the same slug, exists already.
    OrganizationTaken {
        /// The name that was asked for.
        name: String,
    },
    /// There is no organization with the id.
    OrganizationUnknown,
    /// The organization does not allow open signup.
    OrganizationClosed,
    /// The login failed. Whether the user is unknown, disabled or mistyped the password is not told.
    WrongCredentials,
    /// The token is genuine, but its user is gone, disabled, or has another role or organization by now.
    TokenOutdated,
}

impl Refusal {
    /// What the caller is told.
    pub fn message(&self) -> Cow<'static, str> {
        let message = match self {
            Self::Invalid(_) => "The request is not valid.",
            Self::EventUnknown => "There is no such event.",
            Self::EventForbidden(action) => forbidden(*action),
            Self::EventStale => {
                "The event has changed since; read it again and repeat the request with its new ETag."
            }
            Self::WrongStatus { status, allowed, transition } => {
                return wrong_status(*status, allowed, transition).into();
            }
            Self::KeyReused => {
                "The Idempotency-Key was used for another request; use a new key for a new request."
            }
            Self::EmailTaken => "A user with this e-mail address exists already.",
            Self::OrganizationTaken { name } => {
                return format!("The organization name \"{name}\" is taken.").into();
            }
            Self::OrganizationUnknown => "There is no organization with this id.",
            Self::OrganizationClosed => "This organization does not allow open signup.",
            Self::WrongCredentials => "The e-mail address or the password is wrong.",
            Self::TokenOutdated => "This token is no longer valid. Log in again.",
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

fn wrong_status(status: EventStatus, allowed: &[EventStatus], transition: &str) -> String {
    let allowed = allowed.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ");
    format!("The event is {status}; only a {allowed} event can be {transition}.")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Refusal {}

impl From<Faults> for Refusal {
    fn from(faults: Faults) -> Self {
        Self::Invalid(faults)
    }
}
