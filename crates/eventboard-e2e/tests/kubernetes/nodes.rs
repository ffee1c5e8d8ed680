//! Empties nodes, as an upgrade of the cluster does.

use std::time::Duration;

use crate::{cluster::Cluster, faults::Allowed, report::Report};

/// The limit for the time in which PostgreSQL stops on one node and starts on another.
const MOVE_LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report.row("a drain of a node without PostgreSQL fails no request", without_postgres(cluster)).await;
    report
        .long_row("a drain of the node with PostgreSQL loses no acknowledged write", with_postgres(cluster))
        .await;
}

async fn without_postgres(cluster: &Cluster) -> String {
    let postgres = node_of_postgres(cluster).await;
    let pods = cluster.pods().await;
    let node = &pods.iter().find(|pod| pod.node != postgres).expect("pods on a second node").node;
    cluster.under_load("drain of a node without PostgreSQL", Allowed::Failures(0), drain(cluster, node)).await
}

async fn with_postgres(cluster: &Cluster) -> String {
    let node = node_of_postgres(cluster).await;
    cluster
        .under_load(
            "drain of the node with PostgreSQL",
            Allowed::Unavailable(MOVE_LIMIT),
            drain(cluster, &node),
        )
        .await
}

async fn drain(cluster: &Cluster, node: &str) {
    cluster
        .sh(&format!("kubectl drain {node} --ignore-daemonsets --delete-emptydir-data --timeout=5m"))
        .await;
    cluster.wait_until_settled().await;
    cluster.sh(&format!("kubectl uncordon {node}")).await;
}

async fn node_of_postgres(cluster: &Cluster) -> String {
    cluster.pods_of("postgres").await.pop().expect("a pod of PostgreSQL").node
}
