//! Mails that are not sent, mails without a server, and old mails.

use std::fs;

use crate::{
    smtp_server::SmtpServer,
    support::{Outbox, Service},
};

#[tokio::test]
async fn a_mail_that_nobody_needs_any_more_is_not_sent() {
    for change in [
        r#"update "User" set disabled = true"#,
        r#"update "User" set "decisionMails" = 'off'"#,
        r#"delete from "Event""#,
        r#"delete from "Event"; delete from "User""#,
    ] {
        let (outbox, server) = (Outbox::create().await, SmtpServer::start().await);
        outbox.write("EVENT_APPROVED", 1).await;
        outbox.execute(change).await;
        let service = Service::start(&outbox, &[("SMTP_URL", &server.url())]).await;
        let rows = outbox.wait_until_attempted().await;
        service.stop().await;
        assert_eq!(
            (&*rows[0].state, rows[0].error.as_deref(), server.count()),
            ("DONE", None, 0),
            "{change}"
        );
    }
}

#[tokio::test]
async fn a_decision_of_a_former_member_has_no_name() {
    let outbox = Outbox::create().await;
    let server = SmtpServer::start().await;
    outbox.write("EVENT_APPROVED", 1).await;
    outbox.execute(r#"delete from "User" where "firstName" = 'Max'"#).await;
    let service = Service::start(&outbox, &[("SMTP_URL", &server.url())]).await;
    outbox.wait_until_attempted().await;
    service.stop().await;
    let mail = String::from_utf8(server.mails().pop().unwrap()).unwrap();
    assert!(mail.contains("A moderator published your event"), "{mail}");
}

#[tokio::test]
async fn mails_are_written_to_a_folder_that_need_not_exist() {
    let outbox = Outbox::create().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/mail");
    let id = outbox.write("WELCOME", 1).await[0];
    let service = Service::start(&outbox, &[("MAIL_FOLDER", path.to_str().unwrap())]).await;
    let rows = outbox.wait_until_attempted().await;
    service.stop().await;
    assert_eq!(rows[0].state, "DONE");
    let files: Vec<_> = fs::read_dir(&path).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, [format!("{id}.eml").as_str()]);
    let mail = fs::read_to_string(path.join(&files[0])).unwrap();
    assert!(mail.contains(&format!("Message-ID: <{id}@example.org>")), "{mail}");
}

#[tokio::test]
async fn without_a_server_mails_stay_due_until_they_are_old() {
    let outbox = Outbox::create().await;
    outbox.write("WELCOME", 1).await;
    let service = Service::start(&outbox, &[]).await;
    // The old row shows that the service is running.
    outbox
        .execute(
            r#"insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", "dueAt")
            values (gen_random_uuid(), 'WELCOME', gen_random_uuid(), gen_random_uuid(), '', now() - interval '8 days')"#,
        )
        .await;
    let rows = outbox.wait_for_rows(|rows| rows.len() == 1).await;
    assert_eq!((&*rows[0].state, rows[0].attempts), ("DUE", 0));
    service.stop().await;
}

#[tokio::test]
async fn mails_that_were_sent_before_the_retention_time_are_deleted() {
    let outbox = Outbox::create().await;
    outbox.write("WELCOME", 3).await;
    outbox
        .execute(
            r#"update "Outbox" set state = data.state, "finishedAt" = now() - age::interval
            from (select id, row_number() over () as number from "Outbox") numbered
            join (values (1, 'DONE', '2 hours'), (2, 'DONE', '1 minute'), (3, 'DEAD', '2 hours')) data (number, state, age)
                on data.number = numbered.number
            where "Outbox".id = numbered.id"#,
        )
        .await;
    let service = Service::start(&outbox, &[("OUTBOX_RETENTION", "1h")]).await;
    let rows = outbox.wait_for_rows(|rows| rows.len() == 2).await;
    service.stop().await;
    let mut states: Vec<_> = rows.into_iter().map(|row| row.state).collect();
    states.sort();
    assert_eq!(states, ["DEAD", "DONE"]);
}

#[tokio::test]
async fn a_service_that_stops_finishes_its_deliveries() {
    let (outbox, server) = (Outbox::create().await, SmtpServer::start().await);
    outbox.write("WELCOME", 200).await;
    let service = Service::start(&outbox, &[("SMTP_URL", &server.url())]).await;
    server.wait_for(1).await;
    service.stop().await;
    let rows = outbox.rows().await;
    let done = rows.iter().filter(|row| row.state == "DONE").count();
    assert_eq!(done, server.count());
    assert!(rows.iter().all(|row| row.state == "DONE" || row.attempts == 0), "{rows:?}");
}
