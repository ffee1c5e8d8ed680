//! A real Prometheus with the project's own configuration on the real system: every expression of the rules, the dashboard
//! and the runbook gives figures, and alerts fire when their cause is there and end after it.
//!
//! Run with `cargo test --release -p eventboard-e2e --test observability -- --nocapture`, in some five minutes; needs
//! Debian's `prometheus`. What was measured is appended to `target/observability.md`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets something else has failed")]

mod expressions;
mod incidents;
mod kubernetes;
mod prometheus;

use eventboard_e2e::{
    Actor, binaries,
    cluster::{Cluster, Size},
    report::publish,
};

use self::prometheus::Prometheus;

const SIZE: Size = Size { gateways: 1, auth: 1, events: 2 };

/// Few connections, so that some clients use them up; limits that count, and that nobody reaches.
const TOLD: [(&str, &str); 4] = [
    ("DATABASE_MAX_CONNECTIONS", "4"),
    ("RATE_LIMIT_ENABLED", "true"),
    ("RATE_LIMIT_IP_MAX", "1000000"),
    ("RATE_LIMIT_USER_MAX", "1000000"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_expression_gives_figures_and_alerts_fire_and_end() {
    let mut cluster = Cluster::start(binaries!(), SIZE, &TOLD).await;
    let prometheus = Prometheus::watching(&cluster).await;
    let load = cluster.load().await;
    let logins =
        tokio::spawn(log_in_again_and_again(cluster.gateways[0].client().found_organization().await));

    let rows = expressions::until_all_give_figures(&prometheus).await;
    publish_table(expressions::HEAD, &rows);
    assert_eq!(prometheus.firing().await, Vec::<String>::new(), "nothing is wrong yet");

    logins.abort();
    let rows = incidents::happen(&mut cluster, &prometheus, load).await;
    publish_table(incidents::HEAD, &rows);
}

/// Somebody whose password is hashed all the time.
async fn log_in_again_and_again(actor: Actor) {
    loop {
        actor.logs_in_again().await;
    }
}

/// A table of its own in `target/observability.md`.
fn publish_table(head: &str, rows: &str) {
    publish(env!("CARGO_TARGET_TMPDIR"), "observability.md", "", &format!("\n{head}{rows}"));
}
