//! Two workers, one of which is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    time::Instant,
};

use mail_parser::MessageParser;

use crate::{smtp_server::SmtpServer, support::Outbox};

const MAILS: usize = 1000;

fn start_process(outbox: &Outbox, server: &SmtpServer) -> Child {
    let url = server.url();
    let variables = outbox.variables(&[("SMTP_URL", &url), ("SMTP_TIMEOUT", "5s"), ("RUST_LOG", "warn")]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_notification-service"));
    command.env_clear().envs(variables).stdin(Stdio::null()).spawn().unwrap()
}

/// The number of times that each mail has arrived, by its row.
fn arrivals(server: &SmtpServer) -> BTreeMap<String, usize> {
    let mut arrivals = BTreeMap::new();
    for mail in server.mails() {
        let id = MessageParser::default().parse(&mail).unwrap().message_id().unwrap().to_owned();
        *arrivals.entry(id.split('@').next().unwrap().to_owned()).or_default() += 1;
    }
    arrivals
}

#[tokio::test]
async fn each_mail_arrives_once_or_twice_if_a_worker_was_killed_before_it_could_record_it() {
    let (outbox, server) = (Outbox::create().await, SmtpServer::start().await);
    let ids: BTreeSet<_> =
        outbox.write("EVENT_REJECTED", MAILS as i64).await.iter().map(ToString::to_string).collect();
    let mut workers = [start_process(&outbox, &server), start_process(&outbox, &server)];
    server.wait_for(MAILS / 4).await;
    workers[0].kill().unwrap();
    workers[0].wait().unwrap();
    let (began, before) = (Instant::now(), server.count());
    // The mails of the killed worker arrive only when its leases end.
    let of_one_worker = MAILS - before - 10;
    server.wait_for(before + of_one_worker).await;
    let rate = of_one_worker as f64 / began.elapsed().as_secs_f64();
    outbox.wait_for_rows(|rows| rows.iter().all(|row| row.state != "DUE")).await;
    workers[1].kill().unwrap();
    workers[1].wait().unwrap();

    let arrivals = arrivals(&server);
    assert_eq!(arrivals.keys().cloned().collect::<BTreeSet<_>>(), ids);
    let taken_twice = r#"select id::text from "Outbox" where attempts > 1"#;
    let taken_twice: Vec<String> =
        sqlx::query_scalar(taken_twice).fetch_all(&mut outbox.connect().await).await.unwrap();
    let doubled: Vec<_> = arrivals.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    println!(
        "{MAILS} mails, {rate:.0} per second by one worker, {} taken twice, {} arrived twice",
        taken_twice.len(),
        doubled.len()
    );
    assert!(doubled.iter().all(|id| taken_twice.contains(id) && arrivals[*id] == 2), "{doubled:?}");
}
