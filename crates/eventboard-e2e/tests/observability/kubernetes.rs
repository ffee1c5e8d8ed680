//! Tests the relabeling rules for Kubernetes: `promtool` applies them to simulated targets.

use std::process::Command;

use eventboard_e2e::files::document;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// A container port as Kubernetes service discovery describes it.
fn pod(name: &str, part_of: &str, port: &str, phase: &str) -> Value {
    let labels = json!({
        "__meta_kubernetes_pod_name": format!("{name}-x"),
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": name,
        "__meta_kubernetes_pod_label_app_kubernetes_io_part_of": part_of,
        "__meta_kubernetes_pod_container_port_name": port,
        "__meta_kubernetes_pod_phase": phase,
    });
    json!({ "targets": [format!("{name}.{port}.{phase}:9464")], "labels": labels })
}

/// The remaining targets, each with its job and pod.
fn targets(pods: &[Value]) -> Vec<(String, String)> {
    let mut config = document("deploy/prometheus/kubernetes.yml");
    let job = config["scrape_configs"][0].as_object_mut().unwrap();
    // The service discovery is replaced, because Debian builds Prometheus without the one for Kubernetes.
    job.remove("kubernetes_sd_configs").expect("a service discovery");
    job.insert("static_configs".to_owned(), json!(pods));
    config["rule_files"] = json!([]);
    let file = NamedTempFile::with_suffix(".yml").unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "service-discovery", "--timeout=1s"]).arg(file.path()).arg("eventboard");
    let output = promtool.output().expect("promtool is installed");
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let label = |target: &Value, name: &str| target["labels"][name].as_str().map(str::to_owned);
    let mut targets: Vec<_> =
        found.iter().filter_map(|target| Some((label(target, "job")?, label(target, "pod")?))).collect();
    targets.sort();
    targets
}

#[test]
fn in_kubernetes_the_metrics_port_of_each_running_eventboard_pod_is_a_target() {
    let eventboard_pod = |name| pod(name, "eventboard", "metrics", "Running");
    let pods = [
        eventboard_pod("events-service"),
        eventboard_pod("api-gateway"),
        eventboard_pod("notification-service"),
        pod("events-service", "eventboard", "grpc", "Running"),
        pod("auth-service", "eventboard", "metrics", "Failed"),
        pod("auth-service", "something-else", "metrics", "Running"),
    ];
    let pair = |name: &str| (name.to_owned(), format!("{name}-x"));
    let expected = ["api-gateway", "events-service", "notification-service"].map(pair);
    assert_eq!(targets(&pods), expected);
}
