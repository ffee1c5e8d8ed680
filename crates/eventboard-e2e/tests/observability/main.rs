//! Runs a real Prometheus with the project's configuration against the real system. Checks that every expression in
//! the rules, the dashboards and the runbook returns values, that alerts fire when their cause begins, and that they
//! end when it is over.
//!
//! Run this test with `cargo test --release -p eventboard-e2e --test observability -- --nocapture`. It takes about
//! five minutes and needs Debian's `prometheus`. The results are appended to `target/observability.md`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "an unexpected value fails the test")]

mod expressions;
mod incidents;
mod kubernetes;
mod prometheus;

use eventboard_e2e::{
    Actor, binaries,
    cluster::{Cluster, Size},
    report::publish,
};

use tempfile::TempDir;

use self::prometheus::Prometheus;

const SIZE: Size = Size { gateways: 1, auth: 1, events: 2 };

/// There are few connections, so that the load can exhaust them. Rate limits are enabled, but too high to be reached.
const VARIABLES: [(&str, &str); 4] = [
    ("DATABASE_MAX_CONNECTIONS", "4"),
    ("RATE_LIMIT_ENABLED", "true"),
    ("RATE_LIMIT_IP_MAX", "1000000"),
    ("RATE_LIMIT_USER_MAX", "1000000"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_expression_returns_values_and_alerts_fire_and_end() {
    let mut cluster = Cluster::start(binaries!(), SIZE, &VARIABLES).await;
    // The mails are written to files.
    let mails = TempDir::with_prefix("eventboard-mails-").unwrap();
    let folder = [("MAIL_FOLDER", mails.path().to_str().unwrap())];
    cluster.start_notifications(2, &[&VARIABLES[..], &folder].concat()).await;
    let prometheus = Prometheus::start(&cluster).await;
    let load = cluster.start_load().await;
    let logins = tokio::spawn(log_in_repeatedly(cluster.gateways[0].client().sign_up_admin().await));

    let rows = expressions::wait_until_all_return_values(&prometheus).await;
    publish_table(expressions::TABLE_HEADER, &rows);
    assert_eq!(prometheus.firing_alerts().await, Vec::<String>::new(), "no alert fires before the incidents");

    logins.abort();
    let rows = incidents::run(&mut cluster, &prometheus, load).await;
    publish_table(incidents::TABLE_HEADER, &rows);
}

/// Logs in repeatedly, so that passwords are hashed all the time.
async fn log_in_repeatedly(actor: Actor) {
    loop {
        actor.log_in_again().await;
    }
}

/// Prints a table and appends it to `target/observability.md`.
fn publish_table(header: &str, rows: &str) {
    publish(env!("CARGO_TARGET_TMPDIR"), "observability.md", "", &format!("\n{header}{rows}"));
}
