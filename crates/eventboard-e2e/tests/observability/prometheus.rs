//! Runs Prometheus with the configuration in deploy/prometheus.

use std::{
    collections::BTreeMap,
    fs::File,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use eventboard_e2e::{
    cluster::{Cluster, Replica, free_port},
    files::{document, root},
    monitoring::RULES,
    url, wait_until,
};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The configured interval, 15 s, would make the test twice as long. The evaluation interval of the rules is not
/// changed.
const SCRAPE_INTERVAL: &str = "5s";

/// A running Prometheus. It is killed when dropped.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    client: Client,
    _folder: TempDir,
}

/// One series of a query result, with its current value.
#[derive(Debug, Deserialize)]
pub(crate) struct Sample {
    #[serde(rename = "metric")]
    pub(crate) labels: BTreeMap<String, String>,
    /// The time and the value as text.
    value: (f64, String),
}

impl Sample {
    pub(crate) fn value(&self) -> f64 {
        self.value.1.parse().unwrap()
    }
}

#[derive(Debug, Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    state: String,
}

impl Prometheus {
    /// Starts Prometheus for this system and waits until it is ready.
    pub(crate) async fn start(cluster: &Cluster) -> Self {
        let folder = TempDir::with_prefix("eventboard-prometheus-").unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        // JSON is also valid YAML.
        std::fs::write(path("prometheus.yml"), configuration(cluster).to_string()).unwrap();
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .expect("prometheus is installed");
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        let prometheus = Self { child, address, client, _folder: folder };
        wait_until("Prometheus is ready", async || {
            let response = prometheus.client.get(url(address, "/-/ready")).send().await;
            response.is_ok_and(|response| response.status().is_success())
        })
        .await;
        prometheus
    }

    /// Evaluates an expression.
    pub(crate) async fn query(&self, expr: &str) -> Vec<Sample> {
        let url = Url::parse_with_params(&url(self.address, "/api/v1/query"), [("query", expr)]).unwrap();
        let response: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(response["status"], "success", "{expr}: {response}");
        serde_json::from_value(response["data"]["result"].clone()).unwrap()
    }

    /// The names of the firing alerts, each followed by its job if it has one.
    pub(crate) async fn firing_alerts(&self) -> Vec<String> {
        let response = self.client.get(url(self.address, "/api/v1/alerts")).send().await.unwrap();
        let response: Value = response.json().await.unwrap();
        let alerts: Vec<Alert> = serde_json::from_value(response["data"]["alerts"].clone()).unwrap();
        let firing = alerts.into_iter().filter(|alert| alert.state == "firing");
        firing
            .map(|alert| match alert.labels.get("job") {
                Some(job) => format!("{} {job}", alert.labels["alertname"]),
                None => alert.labels["alertname"].clone(),
            })
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration from the compose files, with other targets and another scrape interval.
fn configuration(cluster: &Cluster) -> Value {
    let mut config = document("deploy/prometheus/prometheus.yml");
    config["global"]["scrape_interval"] = json!(SCRAPE_INTERVAL);
    config["rule_files"] = json!([root().join(RULES).canonicalize().unwrap().join("*.yml")]);
    for job in config["scrape_configs"].as_array_mut().unwrap() {
        let replicas = match job["job_name"].as_str().unwrap() {
            "api-gateway" => &cluster.gateways,
            "auth-service" => &cluster.auth,
            "events-service" => &cluster.events,
            "notification-service" => &cluster.notifications,
            other => panic!("unknown job {other}"),
        };
        let targets: Vec<_> = replicas.iter().map(Replica::metrics_address).collect();
        job.as_object_mut().unwrap().remove("dns_sd_configs").expect("a service discovery");
        job["static_configs"] = json!([{ "targets": targets }]);
    }
    config
}
