//! One of three replicas of events-service is killed or hangs.

use std::time::Duration;

use eventboard_e2e::wait_until;
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Row, Size};

/// Waits until the replica receives calls again.
async fn wait_until_in_rotation(cluster: &Cluster, replica: usize) {
    let calls = || cluster.events[replica].log_count_of_current_process("Call finished");
    let before = calls();
    wait_until("the replica receives calls again", async || calls() > before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_fails_no_request() {
    let mut cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(2)).await;
    cluster.events[1].kill();
    sleep(Duration::from_secs(4)).await;
    cluster.events[1].start_again().await;
    wait_until_in_rotation(&cluster, 1).await;
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;

    Row::new("SIGKILL of one of three", &outcome.tally, &cluster).publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failure_share_at_most(0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_replica_fails_few_requests_and_causes_no_gap_over_one_second() {
    let cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(2)).await;
    cluster.events[1].freeze();
    sleep(Duration::from_secs(6)).await;
    cluster.events[1].thaw();
    wait_until_in_rotation(&cluster, 1).await;
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;

    Row::new("SIGSTOP of one of three", &outcome.tally, &cluster).publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failure_share_at_most(0.002);
    assert!(outcome.tally.longest_gap() <= Duration::from_secs(1));
}
