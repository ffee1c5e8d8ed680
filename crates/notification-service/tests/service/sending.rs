//! Sends what is due, and reads the mails that arrive.

use mail_parser::MessageParser;

use crate::{
    smtp_server::SmtpServer,
    support::{Outbox, Service},
};

/// Sends what is due, all of which can be sent or need not be. Returns the mails.
pub(crate) async fn send_due(outbox: &Outbox) -> Vec<Vec<u8>> {
    let server = SmtpServer::start().await;
    let url = server.url();
    let variables = [("SMTP_URL", &*url), ("PUBLIC_URL", "https://board.example.org")];
    let service = Service::start(outbox, &variables).await;
    let rows = outbox.wait_until_attempted().await;
    assert!(rows.iter().all(|row| row.state == "DONE"), "{rows:?}");
    service.stop().await;
    server.mails()
}

/// The part of a mail in plain text.
pub(crate) fn text_of(mail: &[u8]) -> String {
    MessageParser::default().parse(mail).unwrap().body_text(0).unwrap().into_owned()
}

/// To whom a mail goes, and its subject.
pub(crate) fn envelope(mail: &[u8]) -> (String, String) {
    let parsed = MessageParser::default().parse(mail).unwrap();
    let to = parsed.to().unwrap().first().unwrap().address().unwrap().to_owned();
    (to, parsed.subject().unwrap().to_owned())
}

/// Runs a query that counts.
pub(crate) async fn count(outbox: &Outbox, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut outbox.connect().await).await.unwrap()
}
