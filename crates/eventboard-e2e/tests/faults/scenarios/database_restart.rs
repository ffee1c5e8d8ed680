//! PostgreSQL stops under load and restarts.

use std::time::{Duration, Instant};

use eventboard_e2e::load::{Kind, Outcome};
use futures::future::join;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Row, Size};

/// The maximum time from the first connection that PostgreSQL accepts to the first successful request.
const RECOVERY_LIMIT: Duration = Duration::from_secs(2);

const SIZE: Size = Size { gateways: 1, auth: 1, events: 2 };

/// The shutdown modes of PostgreSQL.
#[derive(Clone, Copy)]
enum StopMode {
    Fast,
    Immediate,
}

async fn stop_database(cluster: &mut Cluster, mode: StopMode) {
    let stopped = match mode {
        StopMode::Fast => cluster.postgres.stop_fast().await,
        StopMode::Immediate => cluster.postgres.stop_immediate().await,
    };
    stopped.unwrap();
}

/// Waits until PostgreSQL accepts a connection. Returns the time at which it does.
async fn wait_until_accepting(url: &str) -> Instant {
    while PgConnection::connect(url).await.is_err() {
        sleep(Duration::from_millis(5)).await;
    }
    Instant::now()
}

/// Starts PostgreSQL again. Returns the time of the first accepted connection.
async fn start_database(cluster: &mut Cluster) -> Instant {
    let url = cluster.database.url().to_owned();
    let (accepting, started) = join(wait_until_accepting(&url), cluster.postgres.start_again()).await;
    started.unwrap();
    accepting
}

/// Publishes the results and asserts what must be true after every database outage.
async fn assert_recovered(scenario: &'static str, cluster: &Cluster, outcome: &Outcome, accepting: Instant) {
    let events = outcome.tally.time_to_recover(accepting, Kind::is_served_by_events_service);
    let writes = outcome.tally.time_to_recover(accepting, Kind::is_write);
    let auth = outcome.tally.time_to_recover(accepting, |kind| !kind.is_served_by_events_service());
    Row::new(scenario, &outcome.tally, cluster)
        .note("first success after PostgreSQL: events", format!("{} ms", events.as_millis()))
        .note("writes", format!("{} ms", writes.as_millis()))
        .note("auth", format!("{} ms", auth.as_millis()))
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_only_statuses(&[503]);
    assert!([events, writes, auth].iter().all(|time| *time <= RECOVERY_LIMIT));
}

async fn test_restart(scenario: &'static str, mode: StopMode) {
    let mut cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(3)).await;
    stop_database(&mut cluster, mode).await;
    let accepting = start_database(&mut cluster).await;
    sleep(Duration::from_secs(5)).await;
    let outcome = load.stop().await;
    assert_recovered(scenario, &cluster, &outcome, accepting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restart_causes_only_brief_503s_and_loses_no_write() {
    test_restart("PostgreSQL restarts (fast)", StopMode::Fast).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_crash_causes_only_brief_503s_and_loses_no_write() {
    test_restart("PostgreSQL crashes (immediate)", StopMode::Immediate).await;
}

/// Asserts that every process is live, that the backends report the database and the gateway reports the backends.
async fn assert_outage_is_reported(cluster: &Cluster) {
    for replica in cluster.replicas() {
        replica.client().get("/health/live").await.expect(200);
    }
    for backend in cluster.auth.iter().chain(&cluster.events) {
        let health = backend.client().get("/health").await.expect(503).body;
        assert_eq!(health["checks"]["database"]["status"], "down");
        backend.client().get("/health/ready").await.expect(503);
    }
    let health = cluster.gateways[0].client().get("/health").await.expect(503).body;
    for service in ["auth-service", "events-service"] {
        assert_eq!(health["checks"][service]["status"], "down", "{health}");
    }
    cluster.gateways[0].client().get("/health/ready").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_database_outage_is_reported_by_health_and_loses_no_write() {
    let mut cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(3)).await;
    stop_database(&mut cluster, StopMode::Fast).await;
    let outage_end = Instant::now() + Duration::from_secs(20);
    // The gateway checks its backends once per second.
    sleep(Duration::from_secs(3)).await;
    while Instant::now() < outage_end {
        assert_outage_is_reported(&cluster).await;
        sleep(Duration::from_millis(500)).await;
    }
    let accepting = start_database(&mut cluster).await;
    sleep(Duration::from_secs(5)).await;
    let outcome = load.stop().await;
    assert_recovered("PostgreSQL down for 20 s", &cluster, &outcome, accepting).await;
    cluster.wait_until_healthy().await;
}
