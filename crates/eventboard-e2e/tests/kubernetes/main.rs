//! Runs EventBoard on the Kubernetes cluster that `KUBECONFIG` names, and injects faults under load. It deletes the
//! namespace `eventboard` of this cluster with its data, changes the configuration of its DNS server and drains its nodes.
//!
//! `INGRESS` is the address of the cluster's ingress controller, for example 172.18.0.2:80. `scripts/check-kubernetes`
//! starts the test, and makes a cluster if there is none. With `--short`, only the most important rows run. With a word,
//! only rows whose names contain this word run, on the installation that exists, or on a new one.
#![expect(clippy::unwrap_used, reason = "a row fails by panicking")]

mod applying;
mod capacity;
mod cluster;
mod database;
mod faults;
mod idle_connections;
mod mistakes;
mod monitoring;
mod nodes;
mod policies;
mod postgres_operator;
mod production;
mod report;
mod rollouts;
mod scaling;
mod secrets;

use std::process::ExitCode;

use self::{cluster::Cluster, report::Report};

#[tokio::main]
async fn main() -> ExitCode {
    let mut report = Report::from_arguments();
    let cluster = Cluster::from_environment();
    if std::env::args().any(|argument| argument == "--postgres-operator") {
        postgres_operator::rows(&mut report, &cluster).await;
        return report.finish(&cluster);
    }
    applying::rows(&mut report, &cluster).await;
    policies::rows(&mut report, &cluster).await;
    rollouts::rows(&mut report, &cluster).await;
    nodes::rows(&mut report, &cluster).await;
    scaling::rows(&mut report, &cluster).await;
    capacity::rows(&mut report, &cluster).await;
    database::rows(&mut report, &cluster).await;
    idle_connections::rows(&mut report, &cluster).await;
    monitoring::rows(&mut report, &cluster).await;
    mistakes::rows(&mut report, &cluster).await;
    production::rows(&mut report, &cluster).await;
    secrets::rows(&mut report, &cluster).await;
    report.finish(&cluster)
}
