//! All replicas of events-service die at once.

use std::time::{Duration, Instant};

use eventboard_e2e::load::Kind;
use futures::future::join_all;
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Replica, Row, Size};

/// From the first replica that listens until the first success of a client.
const BACK_WITHIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn without_any_replica_there_are_503s_until_one_is_back() {
    let mut cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let load = cluster.load().await;
    sleep(Duration::from_secs(2)).await;
    cluster.events.iter_mut().for_each(Replica::kill);
    sleep(Duration::from_secs(10)).await;
    let listen = join_all(cluster.events.iter_mut().map(async |replica| {
        replica.start_again().await;
        Instant::now()
    }));
    let first = listen.await.into_iter().min().unwrap();
    sleep(Duration::from_secs(5)).await;
    let outcome = load.stop().await;

    let back = outcome.tally.back_after(first, Kind::is_of_events);
    Row::new("all of three away for 10 s", &outcome.tally, &cluster)
        .note("first success after the first listens:", format!("{} ms", back.as_millis()))
        .note(
            "failures of what was sent from 3 s after that on:",
            outcome.tally.failures_after(first + BACK_WITHIN),
        )
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_only(&[503]);
    assert!(outcome.tally.failures.iter().all(|failure| failure.kind.is_of_events()));
    assert!(back <= BACK_WITHIN);
    outcome.tally.assert_well_after(first + BACK_WITHIN);
}
