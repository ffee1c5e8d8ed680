//! Adds, removes, kills and hangs pods.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use eventboard_e2e::runbook;

use crate::{
    cluster::{Cluster, Pod, SERVICES},
    faults::Allowed,
    report::Report,
};

/// A kill can fail the requests that the pod serves at that moment: at most one for each client of the load.
const IN_FLIGHT: Allowed = Allowed::Failures(16);

/// The limit for the time in which a hung pod is replaced. It is killed within 22 s, and then starts again.
const REPLACEMENT_LIMIT: Duration = Duration::from_secs(50);

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report.long_row("a third pod of events-service, and its removal, fail no request", scale(cluster)).await;
    for service in SERVICES {
        let name = format!("a killed pod of {service} fails only the requests that it served");
        report.long_row(&name, kill(cluster, service)).await;
    }
    report
        .long_row("a hung pod of events-service is replaced within 50 s", hang(cluster, "events-service"))
        .await;
}

async fn scale(cluster: &Cluster) -> String {
    let change = async {
        let block = runbook::block("kubernetes.md", "Scale on Kubernetes", "minReplicas");
        cluster.sh(&block).await;
        wait_for_pods(cluster, "events-service", 3).await;
        // The autoscaler removes pods only after five minutes, unless there are more than the maximum.
        cluster.kubectl(r#"patch hpa events-service -p '{"spec":{"minReplicas":2,"maxReplicas":2}}'"#).await;
        wait_for_pods(cluster, "events-service", 2).await;
    };
    let figures = cluster.under_load("3 pods of events-service, then 2", Allowed::Failures(0), change).await;
    cluster.sh("kubectl apply -f k8s/31-events-service.yaml").await;
    figures
}

/// Waits until a service has this many pods, and all are ready.
async fn wait_for_pods(cluster: &Cluster, service: &str, count: usize) {
    cluster
        .wait_for("the service has the pods", Duration::from_secs(180), async || {
            let pods = cluster.pods_of(service).await;
            (pods.len() == count && pods.iter().all(|pod| pod.is_ready && !pod.is_terminating)).then_some(())
        })
        .await;
}

async fn kill(cluster: &Cluster, service: &str) -> String {
    let fault = async {
        let pod = first_pod(cluster, service).await;
        cluster.kubectl(&format!("delete pod {} --grace-period=0 --force", pod.name)).await;
    };
    cluster.under_load(&format!("kill of a pod of {service}"), IN_FLIGHT, fault).await
}

async fn hang(cluster: &Cluster, service: &str) -> String {
    let pod = first_pod(cluster, service).await;
    let Some(process) = process_of(&pod, service) else {
        return "not checked, because the pods are on another machine".to_owned();
    };
    let mut took = Duration::ZERO;
    let fault = async {
        cluster.sh(&format!("kill -STOP {process}")).await;
        let began = Instant::now();
        cluster
            .wait_for("the container is restarted", REPLACEMENT_LIMIT * 2, async || {
                let pods = cluster.pods_of(service).await;
                let is_replaced =
                    |other: &Pod| other.name == pod.name && other.restarts > pod.restarts && other.is_ready;
                pods.iter().any(is_replaced).then_some(())
            })
            .await;
        took = began.elapsed();
    };
    let figures = cluster.under_load(&format!("hung pod of {service}"), IN_FLIGHT, fault).await;
    assert!(took < REPLACEMENT_LIMIT, "replaced after {took:?}");
    format!("replaced after {} s; {figures}", took.as_secs())
}

async fn first_pod(cluster: &Cluster, service: &str) -> Pod {
    cluster.pods_of(service).await.swap_remove(0)
}

/// The process of a container, found by the UID of its pod in the names of its control groups.
fn process_of(pod: &Pod, program: &str) -> Option<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    processes.into_iter().find(|process: &u32| {
        let folder = Path::new("/proc").join(process.to_string());
        let text = |file| fs::read_to_string(folder.join(file)).unwrap_or_default();
        // With systemd, the name contains underscores instead of hyphens.
        text("cgroup").replace('_', "-").contains(&pod.uid) && text("comm").trim() == program
    })
}
