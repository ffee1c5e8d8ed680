//! The texts of all mails. Both parts of a mail, plain text and HTML, are rendered from the same [`Texts`].

mod account;
mod invitation;

use askama::Template;
use eventboard_domain::{MailKind, Role};
use uuid::Uuid;

pub(crate) use self::{
    account::{AccountNews, Link},
    invitation::{Invitation, Invitee},
};
use crate::line::{Line, Paragraphs};

/// The maximum length of a subject, in characters.
const SUBJECT_LENGTH: usize = 60;

/// What a mail is about.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// The recipient's account.
    Account {
        /// The recipient's organization.
        organization: Line,
        news: AccountNews,
    },
    /// The recipient's account was deleted.
    AccountDeleted {
        /// `None` if the organization was deleted as well.
        organization: Option<Line>,
    },
    /// The recipient is invited to an organization.
    Invitation(Invitation),
    /// Somebody decided on the recipient's event.
    Decision(Decision),
}

/// A decision on an event.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    /// The recipient.
    pub(crate) owner_id: Uuid,
    pub(crate) verdict: Verdict,
    pub(crate) event_id: Uuid,
    pub(crate) title: Line,
    /// `None` if the account was deleted.
    pub(crate) moderator: Option<Line>,
}

/// How a moderator decided.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    Approved,
    Rejected { reason: Paragraphs },
}

impl Subject {
    /// The user who can switch off such mails. `None` if nobody can.
    pub(crate) fn can_be_switched_off_by(&self) -> Option<Uuid> {
        match self {
            Self::Account { organization: _, news: _ }
            | Self::AccountDeleted { organization: _ }
            | Self::Invitation(_) => None,
            Self::Decision(decision) => Some(decision.owner_id),
        }
    }
}

impl Verdict {
    /// Returns the verdict of a mail. `None` if it is about something else, or a rejection has no reason.
    pub(crate) fn new(kind: MailKind, reason: Option<&str>) -> Option<Self> {
        match kind {
            MailKind::Welcome
            | MailKind::VerifyEmail
            | MailKind::ConfirmEmail
            | MailKind::EmailChangeRequested
            | MailKind::EmailChanged
            | MailKind::PasswordReset
            | MailKind::PasswordChanged
            | MailKind::Invitation
            | MailKind::RoleChanged
            | MailKind::UserDisabled
            | MailKind::AccountDeleted => None,
            MailKind::EventApproved => Some(Self::Approved),
            MailKind::EventRejected => Some(Self::Rejected { reason: Paragraphs::new(reason?) }),
        }
    }
}

/// The texts of a mail, in the order in which they are shown.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) subject: String,
    /// What happened.
    happened: String,
    quotation: Option<Paragraphs>,
    /// What the link does.
    link_label: &'static str,
    link: String,
    /// Why the reader gets this mail, and how to stop it.
    why: &'static str,
    /// The page where the reader stops such mails, if that is possible.
    preferences: Option<String>,
}

impl Texts {
    /// Writes the texts, with the link that the mail leads to. `preferences` is the page where mails are switched off.
    pub(crate) fn new(subject: &Subject, link: String, preferences: String) -> Self {
        match subject {
            Subject::Account { organization, news } => account::about_account(organization, news, link),
            Subject::AccountDeleted { organization } => account::about_deletion(organization.as_ref(), link),
            Subject::Invitation(invitation) => invitation::about_invitation(invitation, link),
            Subject::Decision(decision) => about_decision(decision, link, preferences),
        }
    }

    /// The part in plain text.
    pub(crate) fn plain(&self) -> askama::Result<String> {
        Plain { texts: self }.render()
    }

    /// The part in HTML.
    pub(crate) fn html(&self) -> askama::Result<String> {
        Html { texts: self }.render()
    }
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct Plain<'t> {
    texts: &'t Texts,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'t> {
    texts: &'t Texts,
}

fn about_decision(decision: &Decision, link: String, preferences: String) -> Texts {
    let Decision { owner_id: _, verdict, event_id: _, title, moderator } = decision;
    let (prefix, done, quotation) = match verdict {
        Verdict::Approved => ("Published: ", "published", None),
        Verdict::Rejected { reason } => ("Sent back: ", "sent back", Some(reason.clone())),
    };
    let moderator =
        moderator.as_ref().map_or_else(|| "A moderator".to_owned(), |name| name.unlinked().to_string());
    let reason = if quotation.is_some() { " The reason:" } else { "" };
    Texts {
        subject: subject(prefix, title),
        happened: format!("{moderator} {done} your event “{}”.{reason}", title.unlinked()),
        quotation,
        link_label: if reason.is_empty() { "Open the event" } else { "Open the event to edit it" },
        link,
        why: "You get this mail because the event is yours. You can switch off mails about decisions in \
            your account:",
        preferences: Some(preferences),
    }
}

/// The name of a role in a sentence.
fn role_with_article(role: Role) -> &'static str {
    match role {
        Role::User => "a member",
        Role::Moderator => "a moderator",
        Role::Admin => "an admin",
    }
}

fn subject(prefix: &str, name: &Line) -> String {
    format!("{prefix}{}", name.cut(SUBJECT_LENGTH - prefix.chars().count()))
}

#[cfg(test)]
mod tests {
    use mail_parser::decoders::html::html_to_text;

    use super::*;

    /// Names and titles as somebody could choose them. Earlier versions may have stored some of them.
    const NAMES: [&str; 12] = [
        "Autumn hackathon",
        "Größe & Söhne <b>fett</b>",
        "a\r\nBcc: everybody@example.org",
        "a\nb\u{2028}c\u{85}d\0e",
        "<script>alert(1)</script>",
        "\"><a href='https://evil.example'>click</a>",
        "{{ texts.subject }} {% raw %}",
        "https://evil.example/login",
        "\u{202e}elpmaxe.live\u{2069}",
        "日本語の題名 👩\u{200d}👧",
        "=?utf-8?q?encoded?=",
        "&amp; &lt;",
    ];

    const LINK: &str = "https://board.example.org/base/board/events/00000000-0000-0000-0000-000000000000";

    const PREFERENCES: &str = "https://board.example.org/base/board/account/notifications";

    fn subjects(name: &str) -> Vec<Subject> {
        let line = Line::new(name);
        let decision = |verdict, moderator| {
            Subject::Decision(Decision {
                owner_id: Uuid::nil(),
                verdict,
                event_id: Uuid::nil(),
                title: line.clone(),
                moderator,
            })
        };
        let reason = Paragraphs::new(&format!("The room is taken.\n\n{name}"));
        let link = Link { id: Uuid::nil(), seed: [0; 32] };
        let news = [
            AccountNews::Welcome { verification: None },
            AccountNews::Welcome { verification: Some(link.clone()) },
            AccountNews::VerifyEmail(link.clone()),
            AccountNews::ConfirmEmail(link.clone()),
            AccountNews::EmailTaken,
            AccountNews::EmailChangeRequested,
            AccountNews::EmailChanged,
            AccountNews::PasswordReset(link.clone()),
            AccountNews::PasswordChanged,
            AccountNews::RoleChanged { role: Role::User },
            AccountNews::RoleChanged { role: Role::Moderator },
            AccountNews::RoleChanged { role: Role::Admin },
            AccountNews::UserDisabled,
        ];
        let deletions = [Some(line.clone()), None];
        let about_deletion = deletions.map(|organization| Subject::AccountDeleted { organization });
        let invitation = |invitee, inviter, role| {
            Subject::Invitation(Invitation { organization: line.clone(), role, inviter, invitee })
        };
        let invitations = [
            invitation(Invitee::Stranger(link.clone()), Some(line.clone()), Role::User),
            invitation(Invitee::MemberElsewhere(link), None, Role::Moderator),
            invitation(Invitee::Member, Some(line.clone()), Role::Admin),
        ];
        let about_account = news.map(|news| Subject::Account { organization: line.clone(), news });
        let decisions = [
            decision(Verdict::Approved, Some(line.clone())),
            decision(Verdict::Approved, None),
            decision(Verdict::Rejected { reason }, Some(line.clone())),
        ];
        about_account.into_iter().chain(about_deletion).chain(invitations).chain(decisions).collect()
    }

    fn all_texts() -> Vec<Texts> {
        let long = "Größe 東京 ".repeat(25);
        let titles =
            NAMES.into_iter().chain([long.chars().take(200).collect::<String>().leak() as &str, "x"]);
        titles
            .flat_map(subjects)
            .map(|subject| Texts::new(&subject, LINK.to_owned(), PREFERENCES.to_owned()))
            .collect()
    }

    /// The words of a text, without marks of quotations and signatures.
    fn words(text: &str) -> Vec<String> {
        let marks = [">", "--"];
        text.split_whitespace().filter(|word| !marks.contains(word)).map(str::to_owned).collect()
    }

    #[test]
    fn both_parts_say_the_same_in_the_same_order() {
        for texts in all_texts() {
            let (plain, html) = (texts.plain().expect("text"), texts.html().expect("HTML"));
            let body = html.split_once("<body").expect("a body").1;
            let shown = words(&html_to_text(&format!("<body{body}")));
            assert_eq!(words(&plain.replacen(&texts.link, "", 1)), shown, "{plain}\n{html}");
            assert!(html.contains(&format!("href=\"{}\"", texts.link)), "{html}");
        }
    }

    #[test]
    fn no_markup_of_a_user_reaches_the_html() {
        for texts in all_texts() {
            let html = texts.html().expect("HTML");
            let links = 1 + usize::from(texts.preferences.is_some());
            assert_eq!(html.matches("<a ").count(), links, "{html}");
            assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
            for remote in ["src=", "url(", "@import", "<link", "<img"] {
                assert!(!html.contains(remote), "{remote}: {html}");
            }
        }
    }

    #[test]
    fn words_are_separated_by_one_space() {
        for texts in all_texts() {
            assert!(!texts.happened.contains("  "), "{}", texts.happened);
        }
    }

    #[test]
    fn a_subject_is_one_line_of_at_most_60_characters() {
        for texts in all_texts() {
            assert!(texts.subject.chars().count() <= 60, "{}", texts.subject);
            assert!(!texts.subject.contains(char::is_control), "{:?}", texts.subject);
        }
    }

    #[test]
    fn a_rejection_quotes_the_reason_and_names_the_moderator() {
        let subject = Subject::Decision(Decision {
            owner_id: Uuid::nil(),
            verdict: Verdict::Rejected { reason: Paragraphs::new("The room is taken.\nTake another one.") },
            event_id: Uuid::nil(),
            title: Line::new("Autumn hackathon"),
            moderator: Some(Line::new("Max Moderator")),
        });
        let texts = Texts::new(&subject, LINK.to_owned(), PREFERENCES.to_owned());
        assert_eq!(texts.subject, "Sent back: Autumn hackathon");
        assert_eq!(
            texts.plain().expect("text"),
            "Max Moderator sent back your event “Autumn hackathon”. The reason:\n\n\
             > The room is taken.\n> Take another one.\n\n\
             Open the event to edit it\n\
             https://board.example.org/base/board/events/00000000-0000-0000-0000-000000000000\n\n\
             -- \nYou get this mail because the event is yours. You can switch off mails about decisions in \
             your account:\nhttps://board.example.org/base/board/account/notifications"
        );
    }
}
