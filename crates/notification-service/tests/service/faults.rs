//! What becomes of a mail when the server fails.

use futures::{StreamExt, stream};
use tokio::net::TcpListener;

use crate::{
    smtp_server::{
        Fault::{self, Close, Hang, Reply},
        Point, SmtpServer,
    },
    support::{Outbox, Row, Service},
};

/// Each case has a service of its own.
const CONCURRENT_CASES: usize = 6;

/// The query of `SMTP_URL` without encryption, with STARTTLS, and the beginning with TLS.
#[derive(Debug, Clone, Copy)]
enum Scheme {
    Plain,
    StartTls,
    Tls,
    Password,
}

struct Case {
    scheme: Scheme,
    fault: Option<(Point, Fault)>,
    state: &'static str,
    error: &'static str,
}

fn case(point: Point, fault: Fault, state: &'static str, error: &'static str) -> Case {
    Case { scheme: Scheme::Plain, fault: Some((point, fault)), state, error }
}

fn with_tls(scheme: Scheme, fault: Option<(Point, Fault)>, error: &'static str) -> Case {
    Case { scheme, fault, state: "DUE", error }
}

/// The table of outcomes. `DUE` means that the mail is sent again later.
fn cases() -> Vec<Case> {
    let closed = "the connection was closed, or the reply was not SMTP";
    vec![
        case(Point::Quit, Reply("221 bye"), "DONE", ""),
        case(Point::Quit, Reply("500 no"), "DONE", ""),
        case(Point::Quit, Hang, "DONE", ""),
        case(Point::Quit, Close, "DONE", ""),
        case(Point::Connection, Reply("421 busy"), "DUE", "connect: the server replied 421"),
        case(Point::Sender, Reply("450 later"), "DUE", "MAIL FROM: the server replied 450"),
        case(Point::Recipient, Reply("450 greylisted"), "DUE", "RCPT TO: the server replied 450"),
        case(Point::Data, Reply("451 later"), "DUE", "DATA: the server replied 451"),
        case(Point::Mail, Reply("452 full"), "DUE", "mail: the server replied 452"),
        case(Point::Sender, Reply("550 5.7.1 no"), "DUE", "MAIL FROM: the server replied 550"),
        case(
            Point::Recipient,
            Reply("550 5.1.1 <olga@example.org> unknown"),
            "DEAD",
            "RCPT TO: the server replied 550",
        ),
        case(Point::Data, Reply("554 no"), "DEAD", "DATA: the server replied 554"),
        case(Point::Mail, Reply("554 spam"), "DEAD", "mail: the server replied 554"),
        // These concern this client and not the mail.
        case(Point::Connection, Reply("554 no service"), "DUE", "connect: the server replied 554"),
        case(Point::Ehlo, Reply("550 who"), "DUE", "connect: the server replied 550"),
        case(Point::Connection, Hang, "DUE", "connect: no reply in time"),
        case(Point::Ehlo, Hang, "DUE", "connect: no reply in time"),
        case(Point::Sender, Hang, "DUE", "MAIL FROM: no reply in time"),
        case(Point::Recipient, Hang, "DUE", "RCPT TO: no reply in time"),
        case(Point::Data, Hang, "DUE", "DATA: no reply in time"),
        case(Point::Mail, Hang, "DUE", "mail: no reply in time"),
        case(Point::Connection, Close, "DUE", "connect: "),
        case(Point::Recipient, Close, "DUE", "RCPT TO: "),
        case(Point::Data, Close, "DUE", "DATA: "),
        case(Point::Mail, Close, "DUE", closed),
        case(Point::Recipient, Reply("HTTP/1.1 400"), "DUE", closed),
        with_tls(Scheme::StartTls, Some((Point::Ehlo, Reply("250 test"))), "does not offer STARTTLS"),
        with_tls(
            Scheme::StartTls,
            Some((Point::StartTls, Reply("454 no"))),
            "STARTTLS: the server replied 454",
        ),
        with_tls(Scheme::StartTls, Some((Point::StartTls, Close)), "STARTTLS: TLS failed"),
        with_tls(Scheme::StartTls, Some((Point::StartTls, Hang)), "STARTTLS: no reply in time"),
        with_tls(Scheme::Tls, None, "connect: "),
        with_tls(Scheme::Password, None, "STARTTLS: TLS failed"),
    ]
}

#[tokio::test]
async fn a_mail_is_sent_again_after_a_temporary_failure_and_not_after_a_refusal() {
    let outcomes: Vec<_> = stream::iter(cases()).map(outcome).buffered(CONCURRENT_CASES).collect().await;
    let mut wrong = String::new();
    for (Case { scheme, fault, state, error }, (row, mails)) in cases().iter().zip(outcomes) {
        let stored = row.error.clone().unwrap_or_default();
        println!(
            "{scheme:?} {fault:?}: {} after {} attempt, {stored:?}, {mails} mails",
            row.state, row.attempts
        );
        if row.state != *state || row.attempts != 1 || !stored.contains(error) || stored.contains('@') {
            wrong += &format!("{scheme:?} {fault:?}: {row:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Sends one mail. Returns the row after the attempt, and the number of mails that the server has received.
async fn outcome(case: Case) -> (Row, usize) {
    let server = SmtpServer::start_with(case.fault).await;
    let url = match case.scheme {
        Scheme::Plain => server.url(),
        Scheme::StartTls => format!("smtp://{}", server.address),
        Scheme::Tls => format!("smtps://{}", server.address),
        Scheme::Password => format!("smtp://board:secret@{}", server.address),
    };
    // A busy machine must not be taken for a server that does not reply.
    let timeout = if matches!(case.fault, Some((_, Hang))) { "2s" } else { "60s" };
    attempt(&url, timeout, &server).await
}

async fn attempt(url: &str, timeout: &str, server: &SmtpServer) -> (Row, usize) {
    let outbox = Outbox::create().await;
    outbox.write("WELCOME", 1).await;
    let variables = [("SMTP_URL", url), ("SMTP_TIMEOUT", timeout), ("DATABASE_MAX_CONNECTIONS", "2")];
    let service = Service::start(&outbox, &variables).await;
    let rows = outbox.wait_until_attempted().await;
    service.stop().await;
    (rows[0].clone(), server.count())
}

#[tokio::test]
async fn a_server_that_is_away_gets_the_mail_later() {
    // Nobody listens on a port that was just free.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outbox = Outbox::create().await;
    outbox.write("WELCOME", 1).await;
    let url = format!("smtp://{address}?tls=none");
    let service = Service::start(&outbox, &[("SMTP_URL", &url)]).await;
    let rows = outbox.wait_until_attempted().await;
    assert_eq!((&*rows[0].state, rows[0].error.as_deref()), ("DUE", Some("connect: the connection failed")));
    service.stop().await;

    let server = SmtpServer::start().await;
    outbox.execute(r#"update "Outbox" set "dueAt" = now()"#).await;
    let service = Service::start(&outbox, &[("SMTP_URL", &server.url())]).await;
    let rows = outbox.wait_for_rows(|rows| rows[0].state != "DUE").await;
    let expected = Row { state: "DONE".to_owned(), attempts: 2, error: None };
    assert_eq!((rows, server.count()), (vec![expected], 1));
    service.stop().await;
}

/// So `eventboard outbox retry` can tell it from a mail that waits for another attempt.
#[tokio::test]
async fn a_mail_that_is_being_sent_has_no_error() {
    let (outbox, server) = (Outbox::create().await, SmtpServer::start_with(Some((Point::Mail, Hang))).await);
    outbox.write("WELCOME", 1).await;
    outbox.execute(r#"update "Outbox" set attempts = 1, "lastError" = 'connect: no reply in time'"#).await;
    let _service = Service::start(&outbox, &[("SMTP_URL", &server.url())]).await;
    server.wait_for(1).await;
    let expected = Row { state: "DUE".to_owned(), attempts: 2, error: None };
    assert_eq!(outbox.rows().await, [expected]);
}

#[tokio::test]
async fn a_mail_is_dead_after_the_last_attempt() {
    let server = SmtpServer::start_with(Some((Point::Recipient, Reply("450 later")))).await;
    let outbox = Outbox::create().await;
    outbox.write("WELCOME", 1).await;
    outbox.execute(r#"update "Outbox" set attempts = 30"#).await;
    let service = Service::start(&outbox, &[("SMTP_URL", &server.url())]).await;
    let rows = outbox.wait_until_attempted().await;
    assert_eq!((&*rows[0].state, rows[0].attempts), ("DEAD", 31));
    service.stop().await;
}
