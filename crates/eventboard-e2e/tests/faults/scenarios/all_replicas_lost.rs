//! All replicas of events-service are killed at the same time.

use std::time::{Duration, Instant};

use eventboard_e2e::load::Kind;
use futures::future::join_all;
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Replica, Row, Size};

/// The maximum time from the first listening replica to the first successful request.
const RECOVERY_LIMIT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn without_any_replica_requests_fail_with_503_until_one_restarts() {
    let mut cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(2)).await;
    cluster.events.iter_mut().for_each(Replica::kill);
    sleep(Duration::from_secs(10)).await;
    let restarts = join_all(cluster.events.iter_mut().map(async |replica| {
        replica.start_again().await;
        Instant::now()
    }));
    let first = restarts.await.into_iter().min().unwrap();
    sleep(Duration::from_secs(5)).await;
    let outcome = load.stop().await;

    let recovery = outcome.tally.time_to_recover(first, Kind::is_served_by_events_service);
    Row::new("all of three down for 10 s", &outcome.tally, &cluster)
        .note("first success after the first one listens:", format!("{} ms", recovery.as_millis()))
        .note(
            "failures of requests sent more than 3 s later:",
            outcome.tally.failures_after(first + RECOVERY_LIMIT),
        )
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_only_statuses(&[503]);
    assert!(outcome.tally.failures.iter().all(|failure| failure.kind.is_served_by_events_service()));
    assert!(recovery <= RECOVERY_LIMIT);
    outcome.tally.assert_no_failures_after(first + RECOVERY_LIMIT);
}
