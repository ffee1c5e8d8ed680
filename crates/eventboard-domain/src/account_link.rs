//! Links in mails with which a user does something once.

use std::time::Duration;

use crate::LinkKind;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long another address of an account can be confirmed.
pub const EMAIL_CHANGE_LIFETIME: Duration = DAY;

/// The most mails that an address gets in an hour because somebody asked for them. Otherwise anybody could fill a mailbox. Mails
/// about what happened to an account do not count.
pub const MAX_REQUESTED_MAILS_AN_HOUR: i64 = 3;

/// The same for a day.
pub const MAX_REQUESTED_MAILS_A_DAY: i64 = 10;

/// What a link does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPurpose {
    /// It resets the password.
    ResetPassword,
    /// It proves that this address of the account is the user's.
    VerifyEmail {
        /// The address.
        email: String,
    },
    /// It proves that this other address is the user's, and makes it the address of the account.
    ChangeEmail {
        /// The address.
        email: String,
    },
}

impl LinkPurpose {
    /// Puts together what is stored. `None` if an address is missing.
    pub fn new(kind: LinkKind, email: Option<String>) -> Option<Self> {
        match kind {
            LinkKind::ResetPassword => Some(Self::ResetPassword),
            LinkKind::VerifyEmail => Some(Self::VerifyEmail { email: email? }),
            LinkKind::ChangeEmail => Some(Self::ChangeEmail { email: email? }),
        }
    }

    /// The kind of the link.
    pub fn kind(&self) -> LinkKind {
        match self {
            Self::ResetPassword => LinkKind::ResetPassword,
            Self::VerifyEmail { email: _ } => LinkKind::VerifyEmail,
            Self::ChangeEmail { email: _ } => LinkKind::ChangeEmail,
        }
    }

    /// The address that the link proves to be the user's, beyond that they can read their mail.
    pub fn email(&self) -> Option<&str> {
        match self {
            Self::ResetPassword => None,
            Self::VerifyEmail { email } | Self::ChangeEmail { email } => Some(email),
        }
    }

    /// How long the link works.
    pub fn lifetime(&self) -> Duration {
        match self {
            Self::ResetPassword => HOUR,
            // Somebody may sign up on a Friday and read the mail a week later.
            Self::VerifyEmail { email: _ } => 7 * DAY,
            Self::ChangeEmail { email: _ } => EMAIL_CHANGE_LIFETIME,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_of_a_purpose_makes_the_same_purpose() {
        for kind in LinkKind::ALL {
            let purpose = LinkPurpose::new(*kind, Some("ada@example.org".to_owned())).expect("a purpose");
            assert_eq!(purpose.kind(), *kind);
            assert_eq!(LinkPurpose::new(*kind, purpose.email().map(str::to_owned)), Some(purpose));
        }
        assert_eq!(LinkPurpose::new(LinkKind::VerifyEmail, None), None);
        assert_eq!(LinkPurpose::new(LinkKind::ChangeEmail, None), None);
    }
}
