//! One of three replicas of events-service dies, or hangs.

use std::time::Duration;

use eventboard_e2e::until;
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Row, Size};

/// A replica that is back gets work again.
async fn until_it_works(cluster: &Cluster, replica: usize) {
    let calls = || cluster.events[replica].logged_by_this_process("Call finished");
    let before = calls();
    until("the replica gets calls again", async || calls() > before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_killed_costs_no_request() {
    let mut cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let load = cluster.load().await;
    sleep(Duration::from_secs(2)).await;
    cluster.events[1].kill();
    sleep(Duration::from_secs(4)).await;
    cluster.events[1].start_again().await;
    until_it_works(&cluster, 1).await;
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;

    Row::new("SIGKILL of one of three", &outcome.tally, &cluster).publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failed_at_most(0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_hangs_costs_next_to_no_request_and_no_second() {
    let cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let load = cluster.load().await;
    sleep(Duration::from_secs(2)).await;
    cluster.events[1].freeze();
    sleep(Duration::from_secs(6)).await;
    cluster.events[1].thaw();
    until_it_works(&cluster, 1).await;
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;

    Row::new("SIGSTOP of one of three", &outcome.tally, &cluster).publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failed_at_most(0.002);
    assert!(outcome.tally.longest_gap() <= Duration::from_secs(1));
}
