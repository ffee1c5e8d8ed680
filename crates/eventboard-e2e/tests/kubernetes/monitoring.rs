//! A Prometheus in the cluster finds every pod of the services, with the files in deploy/prometheus.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SERVICES},
    report::Report,
};

/// The limit for the time until Prometheus has scraped all pods. It scrapes every 15 s.
const SCRAPE_LIMIT: Duration = Duration::from_secs(60);

/// The path of the API of Prometheus, through the API server of the cluster.
const API: &str = "/api/v1/namespaces/monitoring/pods/prometheus:9090/proxy/api/v1";

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report
        .long_row("Prometheus scrapes every pod of the services, and loads the rules", targets(cluster))
        .await;
}

async fn targets(cluster: &Cluster) -> String {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "prometheus", "namespace": "monitoring" },
        "spec": {
            "serviceAccountName": "prometheus",
            "containers": [{
                "name": "prometheus",
                "image": std::env::var("PROMETHEUS_IMAGE").unwrap_or_else(|_| "test-cluster/prometheus:1".to_owned()),
                "args": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp/data"],
                "volumeMounts": [
                    { "name": "configuration", "mountPath": "/etc/prometheus" },
                    { "name": "rules", "mountPath": "/etc/prometheus/rules" },
                    { "name": "data", "mountPath": "/tmp" },
                ],
            }],
            "volumes": [
                { "name": "configuration", "configMap": { "name": "prometheus" } },
                { "name": "rules", "configMap": { "name": "prometheus-rules" } },
                { "name": "data", "emptyDir": {} },
            ],
        },
    });
    cluster
        .sh(&format!(
            "kubectl create namespace monitoring
             kubectl apply -f deploy/prometheus/kubernetes-rbac.yaml
             kubectl -n monitoring create configmap prometheus --from-file=prometheus.yml=deploy/prometheus/kubernetes.yml
             kubectl -n monitoring create configmap prometheus-rules --from-file=deploy/prometheus/rules
             kubectl apply -f - <<'END'\n{pod}\nEND
             kubectl -n monitoring wait --for=condition=Ready pod/prometheus --timeout=60s"
        ))
        .await;
    let scraped = cluster
        .wait_for("every pod is scraped", SCRAPE_LIMIT, async || {
            let pods =
                cluster.pods().await.into_iter().filter(|pod| SERVICES.contains(&pod.app.as_str())).count();
            let targets = query(cluster, "/targets?state=active").await;
            let targets = targets["data"]["activeTargets"].as_array()?;
            let are_up = targets.iter().all(|target| target["health"] == "up");
            (are_up && targets.len() == pods).then_some(pods)
        })
        .await;
    let groups = query(cluster, "/rules").await["data"]["groups"].as_array().map_or(0, Vec::len);
    assert!(groups > 0, "no rules are loaded");
    cluster.sh("kubectl delete namespace monitoring").await;
    format!("{scraped} pods, {groups} groups of rules")
}

async fn query(cluster: &Cluster, path: &str) -> Value {
    let text = cluster.run(&format!("kubectl get --raw '{API}{path}'")).await.output;
    serde_json::from_str(&text).unwrap_or_default()
}
