//! Injects faults and checks which alerts of the project's unchanged rules fire.

use std::{collections::BTreeMap, time::Duration};

use eventboard_e2e::{cluster::Cluster, database::Lock, load::Load};
use futures::future::join;
use tokio::time::{Instant, sleep};

use crate::prometheus::Prometheus;

pub(crate) const TABLE_HEADER: &str = "| alert | cause | fires after s | ends after s |\n|---|---|---|---|\n";

/// The time limit for an alert. Alerts fire after a minute. The rest covers a scrape, a rule evaluation and a slow
/// machine.
const TIMEOUT: Duration = Duration::from_secs(110);

/// How long each alert took to fire after the incident began, or to end after the incident was over.
type Times = BTreeMap<String, Duration>;

pub(crate) async fn run(cluster: &mut Cluster, prometheus: &Prometheus, load: Load) -> String {
    let (replica_alerts, lock_alerts) = (
        ["ReplicaDown events-service"],
        ["DatabaseConnectionsSaturated events-service", "RequestsShed events-service"],
    );

    // One of two replicas dies and a table is locked, so that the other replica runs out of connections.
    cluster.events[1].kill();
    let lock = Lock::on_all_events(&cluster.database).await;
    let first_alerts = [&replica_alerts[..], &lock_alerts[..]].concat();
    let first_fired = wait_until_firing(prometheus, &first_alerts).await;
    lock.release().await;
    cluster.events[1].start_again().await;
    let over = Instant::now();
    drop(load.stop().await);

    // While these alerts end, the database stops. There is no more load.
    cluster.postgres.stop_fast().await.unwrap();
    let database_alerts = [
        "DependencyDown api-gateway",
        "DependencyDown auth-service",
        "DependencyDown events-service",
        "DependencyDown notification-service",
    ];
    let (database_fired, first_ended) = join(
        wait_until_firing(prometheus, &database_alerts),
        wait_until_ended(prometheus, over, &first_alerts),
    )
    .await;
    cluster.postgres.start_again().await.unwrap();
    let database_ended = wait_until_ended(prometheus, Instant::now(), &database_alerts).await;

    let mut rows = String::new();
    rows += &table_rows("SIGKILL of one of two replicas", &replica_alerts, &first_fired, &first_ended);
    rows += &table_rows("a lock on the events, under load", &lock_alerts, &first_fired, &first_ended);
    rows += &table_rows("PostgreSQL stops", &database_alerts, &database_fired, &database_ended);
    rows
}

/// Waits until all these alerts are firing.
async fn wait_until_firing(prometheus: &Prometheus, alerts: &[&str]) -> Times {
    let is_firing = |firing: &[String], alert: &str| firing.iter().any(|other| other == alert);
    wait_for_each(prometheus, Instant::now(), alerts, "fire", is_firing).await
}

/// Waits until none of these alerts is firing.
async fn wait_until_ended(prometheus: &Prometheus, began: Instant, alerts: &[&str]) -> Times {
    let has_ended = |firing: &[String], alert: &str| firing.iter().all(|other| other != alert);
    wait_for_each(prometheus, began, alerts, "end", has_ended).await
}

async fn wait_for_each(
    prometheus: &Prometheus,
    began: Instant,
    alerts: &[&str],
    what: &str,
    is_true: impl Fn(&[String], &str) -> bool,
) -> Times {
    let (wait_began, mut times) = (Instant::now(), Times::new());
    while times.len() < alerts.len() {
        let firing = prometheus.firing_alerts().await;
        for alert in alerts.iter().filter(|alert| is_true(&firing, alert)) {
            times.entry((*alert).to_owned()).or_insert_with(|| began.elapsed());
        }
        let missing: Vec<_> = alerts.iter().filter(|alert| !times.contains_key(**alert)).collect();
        assert!(wait_began.elapsed() < TIMEOUT, "alerts did not {what}: {missing:?}; firing: {firing:?}");
        sleep(Duration::from_millis(500)).await;
    }
    times
}

fn table_rows(cause: &str, alerts: &[&str], fired: &Times, ended: &Times) -> String {
    let seconds = |times: &Times, alert: &str| format!("{:.0}", times[alert].as_secs_f64());
    let row = |alert: &&str| {
        format!("| {alert} | {cause} | {} | {} |\n", seconds(fired, alert), seconds(ended, alert))
    };
    alerts.iter().map(row).collect()
}
