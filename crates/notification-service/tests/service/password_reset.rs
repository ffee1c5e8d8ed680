//! Mails with a link to reset a password: who gets one.

use mail_parser::MessageParser;

use crate::{
    smtp_server::SmtpServer,
    support::{Outbox, Service},
};

/// Asks for a link so many times, as auth-service does, and sends what is due. Returns the mails.
async fn sent(outbox: &Outbox, typed: &str, times: i32) -> Vec<Vec<u8>> {
    let insert = r#"
        insert into "Outbox" (id, kind, "correlationId", "typedEmail")
        select gen_random_uuid(), 'PASSWORD_RESET', 'a-request', $1 from generate_series(1, $2)
    "#;
    let insert = sqlx::query(insert).bind(typed).bind(times);
    insert.execute(&mut outbox.connect().await).await.unwrap();
    send_due(outbox).await
}

async fn send_due(outbox: &Outbox) -> Vec<Vec<u8>> {
    let server = SmtpServer::start().await;
    let url = server.url();
    let variables = [("SMTP_URL", &*url), ("PUBLIC_URL", "https://board.example.org")];
    let service = Service::start(outbox, &variables).await;
    let rows = outbox.wait_until_attempted().await;
    assert!(rows.iter().all(|row| row.state == "DONE"), "{rows:?}");
    service.stop().await;
    server.mails()
}

fn text_of(mail: &[u8]) -> String {
    MessageParser::default().parse(mail).unwrap().body_text(0).unwrap().into_owned()
}

async fn count(outbox: &Outbox, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut outbox.connect().await).await.unwrap()
}

const REQUESTS: &str = r#"select count(*) from "AuditEntry" where action = 'PASSWORD_RESET_REQUESTED' and "correlationId" = 'a-request'"#;
const TYPED: &str = r#"select count(*) from "Outbox" where "typedEmail" is not null"#;

#[tokio::test]
async fn the_mail_goes_to_the_address_as_stored_and_has_a_link() {
    let outbox = Outbox::create().await;
    outbox.execute(r#"update "User" set "decisionMails" = 'off'"#).await;
    let mails = sent(&outbox, "oLGA@example.ORG", 1).await;
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    let parsed = MessageParser::default().parse(mail).unwrap();
    assert_eq!(parsed.subject(), Some("Set a new password"));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("Olga@example.org"));
    assert!(text_of(mail).contains("https://board.example.org/reset-password?token="), "{}", text_of(mail));
    assert_eq!((count(&outbox, REQUESTS).await, count(&outbox, TYPED).await), (1, 0));
}

#[tokio::test]
async fn nobody_gets_a_mail_for_an_unknown_or_disabled_account() {
    let outbox = Outbox::create().await;
    assert!(sent(&outbox, "nobody@example.org", 1).await.is_empty());
    outbox.execute(r#"update "User" set disabled = true"#).await;
    assert!(sent(&outbox, "olga@example.org", 1).await.is_empty());
    assert_eq!((count(&outbox, REQUESTS).await, count(&outbox, TYPED).await), (0, 0));
}

#[tokio::test]
async fn a_user_gets_three_mails_in_an_hour_and_ten_in_a_day() {
    let outbox = Outbox::create().await;
    assert_eq!(sent(&outbox, "olga@example.org", 5).await.len(), 3);
    for links in [3, 3, 1, 0] {
        outbox.execute(r#"update "AccountLink" set "createdAt" = "createdAt" - interval '1 hour'"#).await;
        assert_eq!(sent(&outbox, "olga@example.org", 5).await.len(), links);
    }
    assert_eq!(sent(&outbox, "max@example.org", 1).await.len(), 1, "another user is not affected");
}

#[tokio::test]
async fn a_mail_that_is_sent_again_has_the_same_link_and_an_expired_one_is_not_sent() {
    let outbox = Outbox::create().await;
    let first = sent(&outbox, "olga@example.org", 1).await;
    let again = r#"update "Outbox" set state = 'DUE', "dueAt" = now(), "finishedAt" = null"#;
    outbox.execute(again).await;
    let second = send_due(&outbox).await;
    assert_eq!(text_of(&first[0]), text_of(&second[0]));
    outbox.execute(again).await;
    outbox.execute(r#"update "AccountLink" set "expiresAt" = now()"#).await;
    assert!(send_due(&outbox).await.is_empty());
}
