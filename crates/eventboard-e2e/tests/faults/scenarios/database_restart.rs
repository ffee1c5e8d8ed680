//! PostgreSQL goes away under load and comes back.

use std::time::{Duration, Instant};

use eventboard_e2e::load::{Kind, Outcome};
use futures::future::join;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Row, Size};

/// From PostgreSQL's first connection until the first success of a client.
const BACK_WITHIN: Duration = Duration::from_secs(2);

const SIZE: Size = Size { gateways: 1, auth: 1, events: 2 };

#[derive(Clone, Copy)]
enum End {
    Fast,
    Immediate,
}

async fn end(cluster: &mut Cluster, how: End) {
    let ended = match how {
        End::Fast => cluster.postgres.stop_fast().await,
        End::Immediate => cluster.postgres.stop_immediate().await,
    };
    ended.unwrap();
}

/// The moment at which PostgreSQL lets somebody in again.
async fn lets_in(url: &str) -> Instant {
    while PgConnection::connect(url).await.is_err() {
        sleep(Duration::from_millis(5)).await;
    }
    Instant::now()
}

async fn begin_again(cluster: &mut Cluster) -> Instant {
    let url = cluster.database.url().to_owned();
    let (back, started) = join(lets_in(&url), cluster.postgres.start_again()).await;
    started.unwrap();
    back
}

/// Publishes the figures and asserts what every outage of the database promises.
async fn assert_harmless(scenario: &'static str, cluster: &Cluster, outcome: &Outcome, back: Instant) {
    let events = outcome.tally.back_after(back, Kind::is_of_events);
    let writes = outcome.tally.back_after(back, Kind::is_write);
    let auth = outcome.tally.back_after(back, |kind| !kind.is_of_events());
    Row::new(scenario, &outcome.tally, cluster)
        .note("first success after PostgreSQL: events", format!("{} ms", events.as_millis()))
        .note("writes", format!("{} ms", writes.as_millis()))
        .note("auth", format!("{} ms", auth.as_millis()))
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_only(&[503]);
    assert!(events <= BACK_WITHIN && writes <= BACK_WITHIN && auth <= BACK_WITHIN);
}

async fn restarts(scenario: &'static str, how: End) {
    let mut cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let load = cluster.load().await;
    sleep(Duration::from_secs(3)).await;
    end(&mut cluster, how).await;
    let back = begin_again(&mut cluster).await;
    sleep(Duration::from_secs(5)).await;
    let outcome = load.stop().await;
    assert_harmless(scenario, &cluster, &outcome, back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_is_a_moment_of_503s_and_loses_nothing() {
    restarts("PostgreSQL restarts (fast)", End::Fast).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_database_is_a_moment_of_503s_and_loses_nothing() {
    restarts("PostgreSQL crashes (immediate)", End::Immediate).await;
}

/// Every process lives; the backends miss their database, and the gateway its backends.
async fn assert_health_tells(cluster: &Cluster) {
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
async fn a_database_that_is_away_for_long_is_told_by_health_and_loses_nothing() {
    let mut cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let load = cluster.load().await;
    sleep(Duration::from_secs(3)).await;
    end(&mut cluster, End::Fast).await;
    let away_until = Instant::now() + Duration::from_secs(20);
    // The gateway asks its backends once a second.
    sleep(Duration::from_secs(3)).await;
    while Instant::now() < away_until {
        assert_health_tells(&cluster).await;
        sleep(Duration::from_millis(500)).await;
    }
    let back = begin_again(&mut cluster).await;
    sleep(Duration::from_secs(5)).await;
    let outcome = load.stop().await;
    assert_harmless("PostgreSQL away for 20 s", &cluster, &outcome, back).await;
    cluster.until_healthy().await;
}
