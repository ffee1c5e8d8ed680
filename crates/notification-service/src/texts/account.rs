//! The texts of mails about the recipient's account.

use std::fmt;

use eventboard_chassis::link_token::LinkSeed;
use eventboard_domain::{FORMER_MEMBER, Role};
use uuid::Uuid;

use super::{Texts, role_with_article, subject};
use crate::line::Line;

/// What happened to the recipient's account, or what somebody asked for.
#[derive(Debug, Clone)]
pub(crate) enum AccountNews {
    /// The recipient has signed up. The link verifies their address, unless they have done that already.
    Welcome { verification: Option<Link> },
    /// The recipient asked for another link to verify their address.
    VerifyEmail(Link),
    /// The recipient wants this address instead of the one of their account.
    ConfirmEmail(Link),
    /// Somebody wants this address for their account, but it is the address of another one.
    EmailTaken,
    /// The recipient asked for another address.
    EmailChangeRequested,
    /// The account has another address.
    EmailChanged,
    /// Somebody has forgotten the recipient's password.
    PasswordReset(Link),
    /// The recipient's password was changed.
    PasswordChanged,
    /// The recipient has another role.
    RoleChanged {
        /// The one that they have now.
        role: Role,
    },
    /// The recipient can no longer log in.
    UserDisabled,
}

/// A link with which the recipient does something once.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) id: Uuid,
    /// A secret, which no log shows.
    pub(crate) seed: LinkSeed,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AccountNews {
    /// The page that the mail leads to, and the link whose token it needs.
    pub(crate) fn page(&self) -> (&'static str, Option<&Link>) {
        match self {
            Self::Welcome { verification: Some(link) }
            | Self::VerifyEmail(link)
            | Self::ConfirmEmail(link) => ("/board/verify-email", Some(link)),
            Self::PasswordReset(link) => ("/board/reset-password", Some(link)),
            Self::Welcome { verification: None }
            | Self::EmailTaken
            | Self::EmailChangeRequested
            | Self::EmailChanged
            | Self::PasswordChanged
            | Self::RoleChanged { role: _ }
            | Self::UserDisabled => ("/", None),
        }
    }
}

/// Writes the texts, with the link that the mail leads to.
pub(super) fn about_account(organization: &Line, news: &AccountNews, link: String) -> Texts {
    let organization_name = organization.unlinked();
    let (subject, happened, link_label, why) = match news {
        AccountNews::Welcome { verification } => return welcome(organization, verification.as_ref(), link),
        AccountNews::RoleChanged { role } => return role_changed(organization, *role, link),
        AccountNews::VerifyEmail(_) => (
            "Verify your e-mail address",
            format!(
                "You asked for a link to verify the address of your account in {organization_name}. It works once, for seven \
                 days."
            ),
            "Verify your address",
            "You get this mail because you asked for it. Such mails cannot be switched off.",
        ),
        AccountNews::ConfirmEmail(_) => (
            "Confirm your new e-mail address",
            format!(
                "This is to be the new address of an account in {organization_name}. The link works once, for a day. If you did \
                 not ask for this, there is nothing to do: without the link, nothing changes."
            ),
            "Confirm the address",
            "You get this mail because somebody typed your address. Such mails cannot be switched off.",
        ),
        AccountNews::EmailTaken => (
            "You have an account already",
            format!(
                "This was to be the new address of an account in {organization_name}, but you have an account with this address \
                 already. Log in to that one, or set a new password if you have forgotten it. If you did not ask for this, \
                 there is nothing to do."
            ),
            "Open EventBoard",
            "You get this mail because somebody typed your address. Such mails cannot be switched off.",
        ),
        AccountNews::EmailChangeRequested => (
            "A new e-mail address was asked for",
            format!(
                "Somebody asked for another address for your account in {organization_name}. It changes when the new address \
                 is confirmed. If it was not you, change your password at once: that also withdraws the new address."
            ),
            "Open EventBoard",
            SECURITY,
        ),
        AccountNews::EmailChanged => (
            "Your e-mail address was changed",
            format!(
                "Your account in {organization_name} has another address now. This one no longer gets mails. If it was not \
                 you, tell an admin of your organization at once."
            ),
            "Open EventBoard",
            SECURITY,
        ),
        AccountNews::PasswordReset(_) => (
            "Set a new password",
            format!(
                "Somebody asked for a new password for your account in {organization_name}. The link works once, for an hour. \
                 If it was not you, there is nothing to do: your password stays as it is."
            ),
            "Set a new password",
            "You get this mail because somebody typed your address. Such mails cannot be switched off.",
        ),
        AccountNews::PasswordChanged => (
            "Your password was changed",
            format!(
                "The password of your account in {organization_name} was changed. You are signed out \
                 everywhere else. If it was not you, tell an admin of your organization at once."
            ),
            "Open EventBoard",
            SECURITY,
        ),
        AccountNews::UserDisabled => (
            "Your account was disabled",
            format!(
                "An admin disabled your account in {organization_name}. Nobody can sign in to it any more, and you are \
                 signed out everywhere. If you do not know why, ask an admin of your organization."
            ),
            "Open EventBoard",
            SECURITY,
        ),
    };
    Texts { subject: subject.to_owned(), happened, quotation: None, link_label, link, why, preferences: None }
}

/// Why the recipient gets a mail that they did not ask for.
const SECURITY: &str =
    "You get this mail because it is about the security of your account. Such mails cannot be switched off.";

fn role_changed(organization: &Line, role: Role, link: String) -> Texts {
    let can_do = match role {
        Role::User => "You can draft events and submit them for review.",
        Role::Moderator => "You can see, edit, publish and send back all events of the organization.",
        Role::Admin => {
            "You can edit, publish, send back and delete all events of the organization, and you decide on its members, \
             invitations and settings."
        }
    };
    Texts {
        subject: subject("Your role in ", organization),
        happened: format!(
            "You are {} of {} now, because an admin changed your role. {can_do}",
            role_with_article(role),
            organization.unlinked()
        ),
        quotation: None,
        link_label: "Open EventBoard",
        link,
        preferences: None,
        why: SECURITY,
    }
}

/// Writes the texts of the mail about a deleted account. Without an organization, there is no admin left to ask.
pub(super) fn about_deletion(organization: Option<&Line>, link: String) -> Texts {
    let happened = match organization {
        Some(organization) => format!(
            "Your EventBoard account with this address was deleted, by you or by an admin of {}. Events that were published \
             stay there under “{FORMER_MEMBER}”. The address is free for a new account. If it was not you, ask an admin of \
             the organization.",
            organization.unlinked()
        ),
        None => "Your EventBoard account with this address was deleted, together with its organization and all events \
            there. The address is free for a new account. If it was not you, ask whoever runs this EventBoard."
            .to_owned(),
    };
    Texts {
        subject: "Your account was deleted".to_owned(),
        happened,
        quotation: None,
        link_label: "Open EventBoard",
        link,
        preferences: None,
        why: "You get this mail because this was the address of the account. There will be no other mail about it.",
    }
}

fn welcome(organization: &Line, verification: Option<&Link>, link: String) -> Texts {
    let ready = format!(
        "Your account in {} is ready. You can draft events and submit them for review.",
        organization.unlinked()
    );
    let (happened, link_label) = match verification {
        Some(_) => (
            format!("{ready} Show that this address is yours: the link works once, for seven days."),
            "Verify your address",
        ),
        None => (ready, "Open EventBoard"),
    };
    Texts {
        subject: subject("Welcome to ", organization),
        happened,
        quotation: None,
        link_label,
        link,
        preferences: None,
        why: "You get this mail because somebody signed up with this address. There will be no other mail of this kind.",
    }
}
