//! Two workers, one of which is killed, with and without the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use eventboard_testing::{Cluster, dedicated_cluster};
use mail_parser::MessageParser;

use crate::{smtp_server::SmtpServer, support::Outbox};

const MAILS: usize = 1000;

/// The number of mails that one worker sends at the same time.
const CONCURRENCY: usize = 4;

/// Starts a worker with a lease of ten seconds.
fn start_process(outbox: &Outbox, server: &SmtpServer) -> Child {
    let (url, concurrency) = (server.url(), CONCURRENCY.to_string());
    let variables = outbox.variables(&[
        ("SMTP_URL", &url),
        ("SMTP_TIMEOUT", "5s"),
        ("MAIL_CONCURRENCY", &concurrency),
        ("RUST_LOG", "error"),
    ]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_notification-service"));
    command.env_clear().envs(variables).stdin(Stdio::null()).spawn().unwrap()
}

/// Ends the process with SIGKILL.
fn kill(worker: &mut Child) {
    worker.kill().unwrap();
    worker.wait().unwrap();
}

async fn write_mails(outbox: &Outbox) -> BTreeSet<String> {
    outbox.write("EVENT_REJECTED", MAILS as i64).await.iter().map(ToString::to_string).collect()
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

/// Asserts that each mail has arrived, at most twice, and only if it was taken twice. Returns the number of mails that
/// have arrived twice.
async fn assert_all_arrived(outbox: &Outbox, server: &SmtpServer, ids: &BTreeSet<String>) -> usize {
    let arrivals = arrivals(server);
    assert_eq!(&arrivals.keys().cloned().collect::<BTreeSet<_>>(), ids);
    let taken_twice = r#"select id::text from "Outbox" where attempts > 1"#;
    let taken_twice: Vec<String> =
        sqlx::query_scalar(taken_twice).fetch_all(&mut outbox.connect().await).await.unwrap();
    let doubled: Vec<_> = arrivals.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    println!("{MAILS} mails, {} taken twice, {} arrived twice", taken_twice.len(), doubled.len());
    assert!(doubled.iter().all(|id| taken_twice.contains(id) && arrivals[*id] == 2), "{doubled:?}");
    doubled.len()
}

#[tokio::test]
async fn each_mail_arrives_once_or_twice_if_a_worker_was_killed_before_it_could_record_it() {
    let (outbox, server) = (Outbox::create().await, SmtpServer::start().await);
    let ids = write_mails(&outbox).await;
    let mut workers = [start_process(&outbox, &server), start_process(&outbox, &server)];
    server.wait_for(MAILS / 4).await;
    kill(&mut workers[0]);
    let (began, before) = (Instant::now(), server.count());
    // The mails of the killed worker arrive only when its leases end.
    let of_one_worker = MAILS - before - 10;
    server.wait_for(before + of_one_worker).await;
    println!("{:.0} mails per second by one worker", of_one_worker as f64 / began.elapsed().as_secs_f64());
    outbox.wait_for_rows(|rows| rows.iter().all(|row| row.state != "DUE")).await;
    kill(&mut workers[1]);
    assert!(assert_all_arrived(&outbox, &server, &ids).await <= CONCURRENCY);
}

/// Starts PostgreSQL again. The processes that its main process has left behind prevent that for a moment.
async fn start_again(postgres: &mut Cluster) {
    let starting = async {
        while postgres.start_again().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), starting).await.expect("PostgreSQL starts");
}

/// Waits until all mails are sent. What failed because the database was down is sent at once, not after its pause.
async fn wait_until_sent(outbox: &Outbox) {
    let without_pause =
        r#"update "Outbox" set "dueAt" = now() where attempts = 1 and "lastError" like 'read: %'"#;
    let waiting = async {
        loop {
            outbox.execute(without_pause).await;
            let rows = outbox.rows().await;
            if rows.iter().all(|row| row.state == "DONE") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting).await.expect("all mails are sent");
}

#[tokio::test]
async fn no_mail_is_lost_if_the_database_and_a_worker_are_killed() {
    let (mut postgres, database) = dedicated_cluster().await;
    let (outbox, server) = (Outbox::create_in(database).await, SmtpServer::start().await);
    let ids = write_mails(&outbox).await;
    let mut workers = [start_process(&outbox, &server), start_process(&outbox, &server)];
    server.wait_for(MAILS / 4).await;
    postgres.kill().await.unwrap();
    // Nobody can record what has just been sent.
    kill(&mut workers[0]);
    start_again(&mut postgres).await;
    wait_until_sent(&outbox).await;
    kill(&mut workers[1]);
    // The other worker records its mails when the database is back, unless that takes longer than its lease.
    assert!(assert_all_arrived(&outbox, &server, &ids).await <= 2 * CONCURRENCY);
}
