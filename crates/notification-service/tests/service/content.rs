//! The mails as they arrive, parsed by another library than the one that writes them.

use mail_parser::{HeaderValue, Message, MessageParser};
use uuid::Uuid;

use crate::{
    smtp_server::SmtpServer,
    support::{Outbox, Service},
};

/// Sends one mail and returns it with its id.
async fn sent(outbox: &Outbox, kind: &str, variables: &[(&str, &str)]) -> (Uuid, Vec<u8>) {
    let server = SmtpServer::start().await;
    let id = outbox.write(kind, 1).await[0];
    let url = server.url();
    let variables: Vec<_> = variables.iter().copied().chain([("SMTP_URL", &*url)]).collect();
    let service = Service::start(outbox, &variables).await;
    let rows = outbox.wait_until_attempted().await;
    assert!(rows.iter().all(|row| row.state == "DONE"), "{rows:?}");
    service.stop().await;
    (id, server.mails().pop().unwrap())
}

fn parse(mail: &[u8]) -> Message<'_> {
    MessageParser::default().parse(mail).unwrap()
}

fn header<'m>(mail: &'m Message<'_>, name: &'static str) -> Option<&'m str> {
    match mail.header(name)? {
        HeaderValue::Text(text) => Some(text),
        other => panic!("{name}: {other:?}"),
    }
}

/// The header as it is in the mail, because a parser may interpret it.
fn raw_header<'m>(mail: &'m Message<'_>, name: &'static str) -> Option<&'m str> {
    mail.header_raw(name).map(str::trim)
}

#[tokio::test]
async fn a_welcome_names_the_organization_and_cannot_be_switched_off() {
    let outbox = Outbox::create().await;
    outbox.execute(r#"update "User" set "decisionMails" = 'off'"#).await;
    let (id, mail) = sent(&outbox, "WELCOME", &[("PUBLIC_URL", "https://board.example.org")]).await;
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("Welcome to Acme <b>&</b> Söhne"));
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("EventBoard"), Some("board@example.org")));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("Olga@example.org"));
    assert_eq!(mail.message_id(), Some(format!("{id}@example.org").as_str()));
    assert_eq!(header(&mail, "Auto-Submitted"), Some("auto-generated"));
    assert_eq!(raw_header(&mail, "List-Unsubscribe"), None);
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("Your account in Acme <b>&<"), "{text}");
    assert!(text.contains("https://board.example.org/"), "{text}");
    let html = mail.body_html(0).unwrap();
    assert!(html.contains("&#60;b&#62;") && !html.contains("<b>"), "{html}");
}

#[tokio::test]
async fn a_notice_about_the_password_cannot_be_switched_off() {
    let outbox = Outbox::create().await;
    outbox.execute(r#"update "User" set "decisionMails" = 'off'"#).await;
    let (_, mail) = sent(&outbox, "PASSWORD_CHANGED", &[("PUBLIC_URL", "https://board.example.org")]).await;
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("Your password was changed"));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("Olga@example.org"));
    assert_eq!(raw_header(&mail, "List-Unsubscribe"), None);
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("If it was not you"), "{text}");
}

#[tokio::test]
async fn a_decision_can_be_switched_off_with_one_click_if_the_gateway_has_tls() {
    for (public_url, is_offered) in
        [("https://board.example.org/x/", true), ("http://board.example.org", false)]
    {
        let outbox = Outbox::create().await;
        let (_, mail) = sent(&outbox, "EVENT_APPROVED", &[("PUBLIC_URL", public_url)]).await;
        let mail = parse(&mail);
        assert_eq!(mail.subject(), Some("Published: Autumn hackathon"));
        let begin = "<https://board.example.org/x/auth/notifications/unsubscribe?token=\
            00000000-0000-0000-0000-000000000002.";
        let link = raw_header(&mail, "List-Unsubscribe");
        assert_eq!(link.is_some(), is_offered);
        assert!(link.is_none_or(|link| link.starts_with(begin) && link.ends_with('>')), "{link:?}");
        let post = raw_header(&mail, "List-Unsubscribe-Post");
        assert_eq!(post, is_offered.then_some("List-Unsubscribe=One-Click"));
    }
}

#[tokio::test]
async fn a_rejection_quotes_its_reason_in_both_parts() {
    let outbox = Outbox::create().await;
    let (_, mail) = sent(&outbox, "EVENT_REJECTED", &[]).await;
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("Sent back: Autumn hackathon"));
    let text = mail.body_text(0).unwrap().replace('\r', "");
    assert!(
        text.starts_with("Max Moderator sent back your event “Autumn hackathon”. The reason:\n"),
        "{text}"
    );
    assert!(text.contains("> The room is taken.\n> Try <i>Friday</i>.\n"), "{text}");
    let link = "http://localhost:3000/board/events/00000000-0000-0000-0000-000000000004";
    assert!(text.contains(link), "{text}");
    let html = mail.body_html(0).unwrap();
    assert!(html.contains("The room is taken.<br>") && html.contains(&format!("href=\"{link}\"")), "{html}");
    assert!(!html.contains("<i>"), "{html}");
}

#[tokio::test]
async fn a_name_cannot_add_a_header() {
    let outbox = Outbox::create().await;
    outbox.execute(r#"update "Organization" set name = E'Acme\r\nBcc: eve@example.org\r\n\r\nBody'"#).await;
    let (_, mail) = sent(&outbox, "WELCOME", &[]).await;
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("Welcome to Acme Bcc: eve@example.org Body"));
    assert!(mail.bcc().is_none());
}

#[tokio::test]
async fn an_international_domain_is_sent_as_ascii() {
    let outbox = Outbox::create().await;
    outbox.execute(r#"update "User" set email = 'olga@bücher.example' where "firstName" = 'Olga'"#).await;
    let (_, mail) = sent(&outbox, "WELCOME", &[]).await;
    assert_eq!(parse(&mail).to().unwrap().first().unwrap().address(), Some("olga@xn--bcher-kva.example"));
}
