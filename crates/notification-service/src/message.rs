//! Creates the mail from its texts.

use askama::Result as RenderResult;
use chrono::{DateTime, Utc};
use eventboard_chassis::{
    link_token::LinkSigner, public_url::PublicUrl, unsubscribe_token::UnsubscribeSigner,
};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use url::Host;
use uuid::Uuid;

use crate::{
    failure::{Failure, Stage},
    mail_config::MailConfig,
    texts::{Link, Subject, Texts},
};

/// The page where a user switches mails off.
const PREFERENCES: &str = "/board/account/notifications";

/// What is known of a mail when it is rendered.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    /// The row of the outbox.
    pub(crate) id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    /// The address as it was given.
    pub(crate) recipient: String,
    pub(crate) subject: Subject,
}

/// A mail that can be delivered.
pub(crate) struct Mail {
    pub(crate) id: Uuid,
    pub(crate) recipient: Address,
    /// The headers and the body, in ASCII except for the addresses.
    pub(crate) content: Vec<u8>,
}

/// Creates mails.
pub(crate) struct Renderer {
    from: Mailbox,
    public_url: PublicUrl,
    unsubscribe: UnsubscribeSigner,
    links: LinkSigner,
}

impl Renderer {
    /// Creates a renderer.
    pub(crate) fn new(config: &MailConfig, unsubscribe: UnsubscribeSigner, links: LinkSigner) -> Self {
        let MailConfig { destination: _, timeout: _, concurrency: _, from, public_url } = config;
        Self { from: from.clone(), public_url: public_url.clone(), unsubscribe, links }
    }

    /// Creates a mail. Its `Message-ID` is the same each time.
    pub(crate) fn render(&self, content: &Content) -> Result<Mail, Failure> {
        let unusable = || Failure::permanent(Stage::Render, "the address cannot be used");
        let recipient = address(&content.recipient).ok_or_else(unusable)?;
        let link =
            self.link(&content.subject).ok_or_else(|| Failure::permanent(Stage::Render, "signing failed"))?;
        let preferences = self.public_url.link(PREFERENCES);
        let texts = Texts::new(&content.subject, link, preferences);
        let body = body(&texts).map_err(|_| Failure::permanent(Stage::Render, "a template failed"))?;
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient.clone()))
            .subject(texts.subject)
            .date(content.created_at.into())
            .message_id(Some(format!("<{}@{}>", content.id, self.from.email.domain())))
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned()));
        for unsubscribe in self.unsubscribe_headers(content) {
            message = message.raw_header(unsubscribe);
        }
        let message = message.multipart(body).map_err(|_| unusable())?;
        Ok(Mail { id: content.id, recipient, content: message.formatted() })
    }

    /// The page that the mail leads to. `None` when signing fails.
    fn link(&self, subject: &Subject) -> Option<String> {
        let (page, link) = match subject {
            Subject::Account { organization: _, news } => news.page(),
            Subject::AccountDeleted { organization: _ } => ("/", None),
            Subject::Invitation(invitation) => invitation.page(),
            Subject::Decision(decision) => {
                return Some(self.public_url.link(&format!("/board/events/{}", decision.event_id)));
            }
        };
        let path = match link {
            None => page.to_owned(),
            Some(Link { id, seed }) => format!("{page}?token={}", self.links.sign(*id, seed)?),
        };
        Some(self.public_url.link(&path))
    }

    /// The headers with which a mail program offers a button (RFC 8058), if the mail can be switched off. Mail programs
    /// send nothing without TLS.
    fn unsubscribe_headers(&self, content: &Content) -> Vec<HeaderValue> {
        let user_id = content.subject.can_be_switched_off_by().filter(|_| self.public_url.is_https());
        let Some(token) = user_id.and_then(|user_id| self.unsubscribe.sign(user_id)) else {
            return Vec::new();
        };
        let link = self.public_url.link(&format!("/auth/notifications/unsubscribe?token={token}"));
        vec![
            header("List-Unsubscribe", format!("<{link}>")),
            header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
        ]
    }
}

/// A header whose value has only ASCII characters and no line break. lettre would break a long URL.
fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

fn body(texts: &Texts) -> RenderResult<MultiPart> {
    Ok(MultiPart::alternative_plain_html(texts.plain()?, texts.html()?))
}

/// Parses an address. The domain becomes ASCII (RFC 5891), which every server understands.
fn address(text: &str) -> Option<Address> {
    let (user, domain) = text.rsplit_once('@')?;
    match Host::parse(domain).ok()? {
        Host::Domain(domain) => Address::new(user, domain).ok(),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use eventboard_domain::rules;
    use proptest::prelude::*;

    use super::*;

    /// Local parts and domains with what the rule of addresses decides on: forms of letters, numbers, labels in ASCII, and
    /// characters that another one becomes a part of.
    fn addresses() -> impl Strategy<Value = String> {
        let local_part = "([a-zA-ZßéÉ１0-9.+#\"]|\\PC){1,5}";
        let label = "([a-zA-Z0-9ßüς１ａ⒈⒜℡%_-]|xn--|0x|\\PC){1,5}";
        (local_part, proptest::collection::vec(label, 1..4))
            .prop_map(|(local_part, labels)| format!("{local_part}@{}", labels.join(".")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn mail_can_be_delivered_to_every_address_that_is_accepted(raw in addresses()) {
            if let Ok(accepted) = rules::email(&raw) {
                prop_assert!(address(&accepted).is_some(), "{accepted:?}");
            }
        }
    }
}
