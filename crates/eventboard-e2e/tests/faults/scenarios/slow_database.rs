//! PostgreSQL is available, but statements take too long.

use std::time::{Duration, Instant};

use eventboard_e2e::{database::Lock, load::Failure};
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Row, Size};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database_fails_requests_but_ejects_no_replica() {
    let cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[("WRITE_DEADLINE", "2s")]).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(2)).await;
    let lock = Lock::on_all_events(&cluster.database).await;
    sleep(Duration::from_secs(8)).await;
    lock.release().await;
    let released = Instant::now();
    sleep(Duration::from_secs(6)).await;
    let outcome = load.stop().await;

    Row::new("all events locked for 8 s", &outcome.tally, &cluster)
        .note("failures of requests sent after the lock:", outcome.tally.failures_after(released))
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_only_statuses(&[408, 503]);
    let is_write_that_timed_out = |failure: &&Failure| {
        failure.status == Some(408) && failure.kind.is_write() && failure.took < Duration::from_secs(3)
    };
    assert!(outcome.tally.failures.iter().any(|failure| is_write_that_timed_out(&failure)));
    assert_eq!(cluster.ejections(), 0, "a slow response does not eject a replica");
    outcome.tally.assert_no_failures_after(released);
}
