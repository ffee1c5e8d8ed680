//! A rolling restart of all services, as when a new version is deployed.

use std::time::Duration;

use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Replica, Row, Size};

const SIZE: Size = Size { gateways: 2, auth: 2, events: 3 };

/// Restarts the replicas as an orchestrator does: it waits until each one is ready before it stops the next.
async fn restart_one_by_one(replicas: &mut [Replica]) {
    for replica in replicas {
        replica.drain().await;
        replica.start_again().await;
        replica.wait_until_ready().await;
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_all_services_fails_no_request() {
    let mut cluster = Cluster::start(BINARIES, SIZE, &[("DRAIN_GRACE", "1s")]).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(1)).await;
    restart_one_by_one(&mut cluster.events).await;
    restart_one_by_one(&mut cluster.auth).await;
    restart_one_by_one(&mut cluster.gateways).await;
    sleep(Duration::from_secs(2)).await;
    let outcome = load.stop().await;

    Row::new("rolling restart of all", &outcome.tally, &cluster).publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failure_share_at_most(0.0);
}
