//! Applies k8s/ for the first and for the second time.

use std::time::Instant;

use crate::{
    cluster::{Cluster, SERVICES},
    report::Report,
};

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report
        .row(
            "the first apply creates every object without a warning, and all pods become ready",
            first(cluster),
        )
        .await;
    if report.is_selection() && !cluster.is_installed().await {
        first(cluster).await;
    }
    report.row("the second apply changes nothing", second(cluster)).await;
    report.row("the restricted standard rejects no pod", restricted(cluster)).await;
}

/// Applies k8s/ to an empty cluster. The Secret `eventboard` is created before, as in production.
async fn first(cluster: &Cluster) -> String {
    cluster.sh("kubectl delete namespace eventboard --ignore-not-found").await;
    cluster
        .sh("printf 'JWT_SECRET=%s\\nRATE_LIMIT_ENABLED=false\\n' \"$(openssl rand -base64 48)\" > eventboard.env
            kubectl apply -f k8s/00-namespace.yaml
            kubectl -n eventboard create secret generic eventboard --from-env-file=eventboard.env")
        .await;
    let began = Instant::now();
    let applied = cluster.sh("kubectl apply -f k8s/").await;
    assert!(!applied.contains("Warning"), "{applied}");
    let count = cluster.sh("cat k8s/*.yaml | grep -c '^kind: '").await;
    assert_eq!(applied.lines().count().to_string(), count.trim(), "{applied}");
    for service in SERVICES {
        cluster.kubectl(&format!("rollout status deployment/{service} --timeout=5m")).await;
    }
    cluster.wait_until_settled().await;
    let seconds = began.elapsed().as_secs();
    cluster.wait_until_healthy().await;
    let restarts: u64 = cluster.pods().await.iter().map(|pod| pod.restarts).sum();
    assert_eq!(restarts, 0, "a container was restarted");
    format!("{} objects, ready after {seconds} s", count.trim())
}

/// `kubectl` reports a PodDisruptionBudget as configured, because it compares the selector in another way.
async fn second(cluster: &Cluster) -> String {
    let applied = cluster.sh("kubectl apply -f k8s/").await;
    let is_expected =
        |line: &str| line.ends_with(" unchanged") || line.starts_with("poddisruptionbudget.policy/");
    assert!(applied.lines().all(is_expected), "{applied}");
    String::new()
}

async fn restricted(cluster: &Cluster) -> String {
    let label = "pod-security.kubernetes.io/enforce=restricted";
    let checked =
        cluster.sh(&format!("kubectl label namespace eventboard --dry-run=server --overwrite {label}")).await;
    assert!(!checked.contains("Warning"), "{checked}");
    String::new()
}
