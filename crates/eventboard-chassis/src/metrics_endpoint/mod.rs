//! Serves Prometheus metrics on a separate port, never on the public one. docs/metrics.md lists all metrics.

mod descriptions;

use std::{net::IpAddr, time::Duration};

use anyhow::Context;
use axum::{Router, routing::get};
use http::StatusCode;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use crate::{
    config::{Env, ListenConfig},
    metrics::run_scrape_callbacks,
    server,
    shutdown::Shutdown,
};

/// Buckets for latencies, in seconds. The usual ones start at 5 ms, but most of our responses are faster.
const LATENCY_BUCKETS: &[f64] =
    &[0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How often histogram samples are aggregated, which bounds their memory when there are no scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Where metrics are served, and the revision that the metrics report.
#[derive(Debug)]
pub struct MetricsConfig {
    /// `METRICS_PORT` (default 9464). With 0, no metrics are served.
    pub port: u16,
    /// `HOST`, as for the service.
    pub host: IpAddr,
    /// `EVENTBOARD_REVISION` (default `unknown`): the running commit. The images set it when they are built.
    pub revision: String,
}

impl MetricsConfig {
    /// Reads `METRICS_PORT`, `HOST` and `EVENTBOARD_REVISION`.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            port: env.parse("METRICS_PORT", 9464, "a port number"),
            host: env.parse("HOST", IpAddr::from([0, 0, 0, 0]), "an IP address"),
            revision: env.text("EVENTBOARD_REVISION", "unknown"),
        }
    }
}

/// Installs the metrics recorder of this process and serves the metrics at `/metrics`. Metrics that were registered
/// earlier are not collected.
///
/// # Errors
/// When the port cannot be bound.
pub async fn serve(config: MetricsConfig, shutdown: Shutdown) -> anyhow::Result<()> {
    if config.port == 0 {
        return Ok(());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets(LATENCY_BUCKETS)
        .context("latency buckets")?
        .install_recorder()
        .context("a metrics recorder is already installed")?;
    descriptions::describe();
    let process = Collector::default();
    process.describe();
    let (version, revision) = (env!("CARGO_PKG_VERSION"), config.revision);
    metrics::gauge!("eventboard_build_info", "version" => version, "revision" => revision).set(1.0);
    let listen = ListenConfig { host: config.host, port: config.port, drain_grace: Duration::ZERO };
    let listener = server::bind("the metrics endpoint", &listen).await?;
    tokio::spawn(upkeep(handle.clone()));
    let router = Router::new().route("/metrics", get(async move || render(handle, process).await));
    tokio::spawn(server::serve_http(listener, router, shutdown));
    Ok(())
}

/// Renders the metrics on a blocking thread, because rendering reads files and produces much text.
async fn render(handle: PrometheusHandle, process: Collector) -> Result<String, StatusCode> {
    let rendering = tokio::task::spawn_blocking(move || {
        run_scrape_callbacks();
        process.collect();
        handle.render()
    });
    // Responds with an error status, because an empty 200 response would look like a process without traffic.
    rendering.await.map_err(|error| {
        tracing::error!(%error, "Rendering the metrics failed");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}

async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        handle.run_upkeep();
    }
}
