//! The texts of invitations.

use eventboard_domain::Role;

use super::{Link, Texts, role_with_article, subject};
use crate::line::Line;

/// Somebody is invited to an organization.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    pub(crate) organization: Line,
    /// The role that the reader will have.
    pub(crate) role: Role,
    /// `None` if the operator invites.
    pub(crate) inviter: Option<Line>,
    pub(crate) invitee: Invitee,
}

/// Who is invited. Only the owner of the address learns this, by the mail.
#[derive(Debug, Clone)]
pub(crate) enum Invitee {
    /// The address has no account.
    Stranger(Link),
    /// The address has an account in another organization, which no text names.
    MemberElsewhere(Link),
    /// The address has an account in the organization already.
    Member,
}

impl Invitation {
    /// The page that the mail leads to, and the link whose token it needs.
    pub(crate) fn page(&self) -> (&'static str, Option<&Link>) {
        match &self.invitee {
            Invitee::Stranger(link) | Invitee::MemberElsewhere(link) => ("/board/join", Some(link)),
            Invitee::Member => ("/", None),
        }
    }
}

/// Writes the texts, with the link that the mail leads to.
pub(super) fn about_invitation(invitation: &Invitation, link: String) -> Texts {
    let Invitation { organization, role, inviter, invitee } = invitation;
    let organization_name = organization.unlinked();
    let inviter = inviter.as_ref().map_or_else(|| "An admin".to_owned(), |name| name.unlinked().to_string());
    let invited = format!("{inviter} invited you to {organization_name} as {}", role_with_article(*role));
    let (happened, link_label) = match invitee {
        Invitee::Stranger(_) => (
            format!(
                "{invited}. The link works once, for seven days. If you do not want to join, there is nothing to do: without \
                 the link, nothing happens."
            ),
            "Join the organization",
        ),
        Invitee::MemberElsewhere(_) => (
            format!(
                "{invited}, but you have an account with this address in another organization, and an account belongs to one \
                 organization. To join, ask an admin of {organization_name} to invite another address of yours, or delete \
                 your account first and then open the link. It works once, for seven days. If you do not want to join, \
                 there is nothing to do."
            ),
            "Join the organization",
        ),
        Invitee::Member => (
            format!(
                "{invited}, but you have an account with this address there already. There is nothing to do: your account \
                 and your role stay as they are. If you cannot sign in, ask an admin of {organization_name}."
            ),
            "Open EventBoard",
        ),
    };
    Texts {
        subject: subject("Invitation: ", organization),
        happened,
        quotation: None,
        link_label,
        link,
        preferences: None,
        why: "You get this mail because somebody invited your address. Such mails cannot be switched off.",
    }
}
