//! Replaces all pods of a service.

use std::collections::BTreeSet;

use crate::{
    cluster::{Cluster, SERVICES},
    faults::Allowed,
    report::Report,
};

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    let name =
        |service, seconds| format!("a rollout of {service} fails no request; DNS answers live {seconds} s");
    report.row(&name("events-service", 30), rollout(cluster, "events-service", 30)).await;
    for service in ["auth-service", "api-gateway"] {
        report.long_row(&name(service, 30), rollout(cluster, service, 30)).await;
    }
    for service in SERVICES {
        report.long_row(&name(service, 5), rollout(cluster, service, 5)).await;
    }
    report.row("after the rollouts, the pods of each service run on several nodes", spread(cluster)).await;
}

async fn rollout(cluster: &Cluster, service: &str, dns_ttl: u32) -> String {
    cluster.sh(&format!("deploy/test-cluster/dns-ttl {dns_ttl}")).await;
    let fault = format!("rollout of {service}, DNS {dns_ttl} s");
    let replace = async {
        cluster.kubectl(&format!("rollout restart deployment/{service}")).await;
        cluster.kubectl(&format!("rollout status deployment/{service} --timeout=5m")).await;
    };
    cluster.under_load(&fault, Allowed::Failures(0), replace).await
}

async fn spread(cluster: &Cluster) -> String {
    for service in SERVICES {
        let pods = cluster.pods_of(service).await;
        let nodes: BTreeSet<_> = pods.iter().map(|pod| &pod.node).collect();
        assert!(nodes.len() > 1, "all {} pods of {service} are on {nodes:?}", pods.len());
    }
    String::new()
}
