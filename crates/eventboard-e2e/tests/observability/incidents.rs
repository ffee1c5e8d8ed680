//! What breaks, and which alerts that makes fire: the rules are those of the project, unchanged.

use std::{collections::BTreeMap, time::Duration};

use eventboard_e2e::{cluster::Cluster, database::Lock, load::Load};
use futures::future::join;
use tokio::time::{Instant, sleep};

use crate::prometheus::Prometheus;

pub(crate) const HEAD: &str = "| alert | cause | fires after s | ends after s |\n|---|---|---|---|\n";

/// A minute until it fires, and a scrape, an evaluation and what this machine takes besides.
const LIMIT: Duration = Duration::from_secs(110);

/// Alerts with how long each took to fire since the incident began, or to end since it was over.
type Times = BTreeMap<String, Duration>;

pub(crate) async fn happen(cluster: &mut Cluster, prometheus: &Prometheus, load: Load) -> String {
    let (lost, blocked) = (
        ["ReplicaDown events-service"],
        ["DatabaseConnectionsSaturated events-service", "RequestsShed events-service"],
    );

    // One of two replicas dies, and a table is locked: the other one runs out of connections.
    cluster.events[1].kill();
    let lock = Lock::on_all_events(&cluster.database).await;
    let fired = until_firing(prometheus, &[&lost[..], &blocked[..]].concat()).await;
    lock.release().await;
    cluster.events[1].start_again().await;
    let over = Instant::now();
    drop(load.stop().await);

    // Meanwhile, with nobody at work, the database goes away.
    cluster.postgres.stop_fast().await.unwrap();
    let away = ["DependencyDown api-gateway", "DependencyDown auth-service", "DependencyDown events-service"];
    let former = [&lost[..], &blocked[..]].concat();
    let (fired_while_away, ended) =
        join(until_firing(prometheus, &away), until_ended(prometheus, over, &former)).await;
    cluster.postgres.start_again().await.unwrap();
    let ended_after_return = until_ended(prometheus, Instant::now(), &away).await;

    let mut rows = String::new();
    rows += &table("SIGKILL of one of two replicas", &lost, &fired, &ended);
    rows += &table("a lock on the events, under load", &blocked, &fired, &ended);
    rows += &table("PostgreSQL stops", &away, &fired_while_away, &ended_after_return);
    rows
}

/// Waits until all of these fire.
async fn until_firing(prometheus: &Prometheus, expected: &[&str]) -> Times {
    let began = Instant::now();
    until_each(prometheus, began, expected, "fires", |firing, alert| firing.iter().any(|one| one == alert))
        .await
}

/// Waits until none of these fires.
async fn until_ended(prometheus: &Prometheus, began: Instant, expected: &[&str]) -> Times {
    until_each(prometheus, began, expected, "ends", |firing, alert| firing.iter().all(|one| one != alert))
        .await
}

async fn until_each(
    prometheus: &Prometheus,
    began: Instant,
    expected: &[&str],
    what: &str,
    is_so: impl Fn(&[String], &str) -> bool,
) -> Times {
    let (asked, mut times) = (Instant::now(), Times::new());
    while times.len() < expected.len() {
        let firing = prometheus.firing().await;
        for alert in expected.iter().filter(|alert| is_so(&firing, alert)) {
            times.entry((*alert).to_owned()).or_insert_with(|| began.elapsed());
        }
        let missing: Vec<_> = expected.iter().filter(|alert| !times.contains_key(**alert)).collect();
        assert!(asked.elapsed() < LIMIT, "none of these {what}: {missing:?}; firing: {firing:?}");
        sleep(Duration::from_millis(500)).await;
    }
    times
}

fn table(cause: &str, alerts: &[&str], fired: &Times, ended: &Times) -> String {
    let seconds = |times: &Times, alert: &str| format!("{:.0}", times[alert].as_secs_f64());
    let row = |alert: &&str| {
        format!("| {alert} | {cause} | {} | {} |\n", seconds(fired, alert), seconds(ended, alert))
    };
    alerts.iter().map(row).collect()
}
