//! Deletes PostgreSQL's pod, and restores a backup with the commands of the runbook.

use std::time::Duration;

use eventboard_e2e::{Anonymous, runbook::block};

use crate::{
    cluster::{Cluster, HOST},
    faults::Allowed,
    report::Report,
};

/// The limit for the time in which PostgreSQL starts again and replays its log.
const RESTART_LIMIT: Duration = Duration::from_secs(60);

const PAGE: &str = "kubernetes.md";
const SECTION: &str = "Backup and restore";

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report.long_row("a deleted PostgreSQL loses no acknowledged write", delete(cluster, "")).await;
    report
        .long_row(
            "a killed PostgreSQL loses no acknowledged write",
            delete(cluster, "--grace-period=0 --force"),
        )
        .await;
    report
        .long_row("a restored backup contains what it contained, and nothing newer", restore(cluster))
        .await;
}

async fn delete(cluster: &Cluster, options: &str) -> String {
    let fault = async {
        cluster.kubectl(&format!("delete pod postgres-0 {options}")).await;
    };
    let name = format!("delete pod postgres-0 {options}");
    cluster.under_load(name.trim(), Allowed::Unavailable(RESTART_LIMIT), fault).await
}

async fn restore(cluster: &Cluster) -> String {
    let actor = Anonymous::behind_proxy(cluster.ingress, HOST).sign_up_admin().await;
    let before = actor.create_event("Before the backup").await;
    cluster.sh(&block(PAGE, SECTION, "> backup.sql")).await;
    let after = actor.create_event("After the backup").await;
    cluster.sh(&block(PAGE, SECTION, "DROP DATABASE")).await;
    cluster.wait_until_settled().await;
    cluster.wait_until_healthy().await;
    actor.get(&format!("/events/{before}")).await.expect(200);
    actor.get(&format!("/events/{after}")).await.expect(404);
    actor.create_event("After the restore").await;
    String::new()
}
