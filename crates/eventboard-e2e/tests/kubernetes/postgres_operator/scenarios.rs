//! The faults.

use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use eventboard_e2e::load::{Load, Outcome};
use tokio::time::sleep;

use super::{
    figures::{Figures, without_writes},
    installation::Installation,
};
use crate::{cluster::HOST, faults::PAUSE};

/// How long the load runs before the fault and after the repair.
const CALM: Duration = Duration::from_secs(5);

/// The node with the control plane and the ingress controller.
const FIRST_NODE: &str = "one";

/// The limits for the time without writes. They are generous, because the cluster shares the machine with its clients.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(90);
const NODE_LOSS_LIMIT: Duration = Duration::from_secs(180);

pub(crate) async fn primary_killed(installation: &Installation<'_>, figures: &Figures) -> String {
    let postgres = installation.postgres();
    let old = postgres.primary().await;
    let kill = async {
        postgres.kill(&old).await;
        postgres.wait_for_another_primary(&old).await;
        postgres.wait_until_repaired().await;
    };
    let (outcome, repaired) = under_load(installation, TAKEOVER_LIMIT, kill).await;
    figures.add("primary killed", &outcome, Some(repaired))
}

pub(crate) async fn switchover(installation: &Installation<'_>, figures: &Figures) -> String {
    let postgres = installation.postgres();
    let old = postgres.primary().await;
    let promote = async {
        installation.page.run("Switchover").await;
        postgres.wait_for_another_primary(&old).await;
        postgres.wait_until_repaired().await;
    };
    let (outcome, repaired) = under_load(installation, TAKEOVER_LIMIT, promote).await;
    figures.add("switchover", &outcome, Some(repaired))
}

pub(crate) async fn minor_update(installation: &Installation<'_>, figures: &Figures) -> String {
    let postgres = installation.postgres();
    let old = postgres.primary().await;
    let before = version(installation).await;
    let update = async {
        installation.page.run("Minor update of PostgreSQL").await;
        postgres.wait_for_another_primary(&old).await;
        postgres.wait_until_repaired().await;
    };
    let (outcome, repaired) = under_load(installation, TAKEOVER_LIMIT, update).await;
    let after = version(installation).await;
    assert_ne!(before, after);
    figures.add(&format!("minor update, {before} to {after}"), &outcome, Some(repaired))
}

async fn version(installation: &Installation<'_>) -> String {
    let mut database = installation.postgres().connect().await;
    let statement = "select split_part(current_setting('server_version'), ' ', 1)";
    sqlx::query_scalar(statement).fetch_one(&mut database.connection).await.unwrap()
}

pub(crate) async fn restore(installation: &Installation<'_>) -> String {
    let load = Box::pin(Load::start_behind_proxy(installation.cluster.ingress, HOST, PAUSE)).await;
    sleep(CALM).await;
    let kept = Box::pin(load.stop()).await;
    sleep(Duration::from_secs(2)).await;
    let moment = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    sleep(Duration::from_secs(2)).await;
    let too_late = installation.sign_up_with_an_event().await;

    let began = Instant::now();
    installation.page.run_with("Restore to a point in time", "2026-11-26T10:00:00Z", &moment).await;
    installation.cluster.wait_until_healthy().await;
    let took = began.elapsed().as_secs();
    installation.set_database("eventboard-restored");
    Box::pin(verify(installation, &kept)).await;
    installation.assert_is_unknown(&too_late).await;
    let writes: usize = kept.ledgers.iter().map(|ledger| ledger.created.len() + ledger.submitted.len()).sum();
    format!("{took} s, {writes} writes before the moment")
}

pub(crate) async fn node_lost(installation: &Installation<'_>, figures: &Figures) -> String {
    let postgres = installation.postgres();
    while postgres.node_of(&postgres.primary().await).await == FIRST_NODE {
        postgres.promote_another().await;
    }
    let old = postgres.primary().await;
    let node = postgres.node_of(&old).await;
    let lose = async {
        installation.cluster.sh(&format!("deploy/test-cluster/postgres/lose-node {node}")).await;
        postgres.wait_for_another_primary(&old).await;
        // The clients must reach the new primary meanwhile.
        sleep(Duration::from_secs(15)).await;
    };
    let (outcome, _) = under_load(installation, NODE_LOSS_LIMIT, lose).await;
    figures.add("the primary's node is lost", &outcome, None)
}

/// Injects a fault under load. `fault` ends when the database is repaired.
async fn under_load(
    installation: &Installation<'_>,
    limit: Duration,
    fault: impl Future<Output = ()>,
) -> (Outcome, Duration) {
    let load = Box::pin(Load::start_behind_proxy(installation.cluster.ingress, HOST, PAUSE)).await;
    sleep(CALM).await;
    let began = Instant::now();
    Box::pin(fault).await;
    let repaired = began.elapsed();
    sleep(CALM).await;
    let outcome = Box::pin(load.stop()).await;
    Box::pin(verify(installation, &outcome)).await;
    installation.cluster.wait_until_healthy().await;
    let restarts: u64 = installation.cluster.pods().await.iter().map(|pod| pod.restarts).sum();
    assert_eq!(restarts, 0, "a service was restarted");
    let gap = without_writes(&outcome.tally);
    assert!(gap < limit, "no write succeeded for {gap:?}");
    (outcome, repaired)
}

/// Asserts that no acknowledged write is lost or duplicated, in the database and for the clients.
async fn verify(installation: &Installation<'_>, outcome: &Outcome) {
    let mut database = installation.postgres().connect().await;
    outcome.verify(&mut database.connection).await;
}
