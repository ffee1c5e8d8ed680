//! Serves Prometheus metrics on a separate port, never on the public one. docs/metrics.md lists all metrics.

mod descriptions;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    extract::{ConnectInfo, Request},
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use crate::{
    config::{self, Env, ListenConfig},
    fairness::{Client, FairLimits, FairSemaphore, address_block},
    layer::{Inner, Next, layer_fn},
    metrics::run_scrape_callbacks,
    server::{self, AddressLimit},
    shutdown::Shutdown,
};

/// Buckets for latencies, in seconds. The usual ones start at 5 ms, but most of our responses are faster.
const LATENCY_BUCKETS: &[f64] =
    &[0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics are rendered for one client at a time. The clients take turns.
const RENDERINGS: FairLimits = FairLimits { permits: 1, waiting: 64, per_client: 8 };

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
    /// `MAX_CONNECTIONS_PER_ADDRESS`, as for the service.
    pub max_connections_per_address: u32,
}

impl MetricsConfig {
    /// Reads `METRICS_PORT`, `HOST`, `EVENTBOARD_REVISION` and `MAX_CONNECTIONS_PER_ADDRESS`.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            port: env.port("METRICS_PORT", 9464),
            host: config::host(env),
            revision: env.text("EVENTBOARD_REVISION", "unknown"),
            max_connections_per_address: server::max_connections_per_address(env),
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
    let (host, port) = (config.host, config.port);
    let listen = ListenConfig { host, port, drain_grace: Duration::ZERO, drain_timeout: Duration::ZERO };
    let listener = server::bind("the metrics endpoint", &listen).await?;
    tokio::spawn(upkeep(handle.clone()));
    let renderer = Renderer { handle, process, turns: FairSemaphore::new(RENDERINGS) };
    let router = Router::new()
        .route(
            "/metrics",
            get(async move |ConnectInfo(peer): ConnectInfo<SocketAddr>| renderer.render(peer).await),
        )
        .layer(layer_fn((), bound_response))
        .layer(layer_fn((), server::require_host));
    let addresses = AddressLimit::new(config.max_connections_per_address);
    tokio::spawn(server::serve_http(listener, router, addresses, server::DEFAULT_KEEP_ALIVE, shutdown));
    Ok(())
}

/// Bounds the bytes of responses that the client does not read.
async fn bound_response((): (), request: Request, next: Next<impl Inner>) -> Response {
    let scraper = server::Requester::of_call(&request).sender();
    let response = server::bound_response(scraper, request, next).await;
    response.unwrap_or_else(|error| error.code().http().into_response())
}

/// Renders the metrics.
#[derive(Clone)]
struct Renderer {
    handle: PrometheusHandle,
    process: Collector,
    /// Rendering goes on when the client hangs up, so clients could otherwise start any number at the same time.
    turns: FairSemaphore,
}

impl Renderer {
    /// Renders on a blocking thread, because this reads files and produces much text.
    async fn render(self, peer: SocketAddr) -> Result<String, StatusCode> {
        let turn = self.turns.acquire(Client::Address(address_block(peer.ip()))).await;
        let turn = turn.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let rendering = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            run_scrape_callbacks();
            self.process.collect();
            self.handle.render()
        });
        // Responds with an error status, because an empty 200 response would look like a process without traffic.
        rendering.await.map_err(|error| {
            tracing::error!(%error, "Rendering the metrics failed");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}

async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        handle.run_upkeep();
    }
}
