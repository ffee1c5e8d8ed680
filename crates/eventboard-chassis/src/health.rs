//! Health checks: probes the dependencies of a service and reports their state over HTTP and gRPC.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header::RETRY_AFTER};
use metrics::Gauge;
use serde::Serialize;
use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::shutdown::Shutdown;

/// The pause between two probes of a dependency that is up, and of one that is down.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBE_INTERVAL_WHEN_DOWN: Duration = Duration::from_millis(100);

/// The state of a dependency: up, or down with a reason for operators.
type CheckState = Result<(), &'static str>;

/// The health check of a dependency. It is updated in the background, so that health requests are cheap and are
/// answered under any load.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    state: watch::Receiver<CheckState>,
}

impl Check {
    /// Starts a task that runs `probe` every second, while the check or a clone of it exists.
    pub fn spawn<P, F>(name: &'static str, mut probe: P) -> Self
    where
        P: FnMut() -> F + Send + 'static,
        F: Future<Output = CheckState> + Send,
    {
        let (reporter, check) = Self::with_reporter(name);
        tokio::spawn(async move {
            while !reporter.state.is_closed() {
                let state = probe().await;
                reporter.report(state);
                let pause = if state.is_ok() { PROBE_INTERVAL } else { PROBE_INTERVAL_WHEN_DOWN };
                tokio::time::sleep(pause).await;
            }
        });
        check
    }

    /// Starts a task that calls `state` immediately and after each change. Use it for a dependency that other code
    /// already monitors.
    pub fn on_changes<T, F>(name: &'static str, mut changes: watch::Receiver<T>, state: F) -> Self
    where
        T: Send + Sync + 'static,
        F: Fn() -> CheckState + Send + 'static,
    {
        let (reporter, check) = Self::with_reporter(name);
        tokio::spawn(async move {
            loop {
                reporter.report(state());
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        check
    }

    fn with_reporter(name: &'static str) -> (Reporter, Self) {
        let (sender, state) = watch::channel(Err("not checked yet"));
        let up = metrics::gauge!("eventboard_dependency_up", "dependency" => name);
        up.set(0.0);
        (Reporter { name, state: sender, up }, Self { name, state })
    }

    fn is_up(&self) -> bool {
        self.state.borrow().is_ok()
    }
}

/// Publishes the state of a check to its subscribers, to the log and as a metric.
struct Reporter {
    name: &'static str,
    state: watch::Sender<CheckState>,
    up: Gauge,
}

impl Reporter {
    fn report(&self, state: CheckState) {
        self.state.send_if_modified(|current| {
            let is_changed = *current != state;
            if is_changed {
                log_change(self.name, *current, state);
                self.up.set(if state.is_ok() { 1.0 } else { 0.0 });
                *current = state;
            }
            is_changed
        });
    }
}

fn log_change(dependency: &str, before: CheckState, now: CheckState) {
    match (before, now) {
        (Ok(()), Err(reason)) => tracing::warn!(dependency, reason, "A dependency is down"),
        (Err(_), Err(reason)) => tracing::info!(dependency, reason, "A dependency is still down"),
        (Err(_), Ok(())) => tracing::info!(dependency, "A dependency is up"),
        (Ok(()), Ok(())) => {}
    }
}

/// The health of one service.
#[derive(Clone)]
pub struct Health(Arc<HealthParts>);

struct HealthParts {
    service: &'static str,
    started: Instant,
    shutdown: Shutdown,
    checks: Vec<Check>,
    /// Whether the service is ready only while all its dependencies are up.
    ready_needs_checks: bool,
}

/// The body of a health response.
#[derive(Debug, Serialize)]
pub struct HealthDocument {
    /// `ok` or `error`.
    pub status: &'static str,
    /// The name of the service.
    pub service: &'static str,
    /// The version of the service.
    pub version: &'static str,
    /// Seconds since the service started.
    pub uptime: u64,
    /// The dependencies by name.
    pub checks: BTreeMap<&'static str, CheckDocument>,
}

/// A dependency in a health response.
#[derive(Debug, Serialize)]
pub struct CheckDocument {
    /// `up` or `down`.
    pub status: &'static str,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

impl Health {
    /// The health of a backend. It is ready only while its dependencies are up.
    pub fn of_backend(service: &'static str, shutdown: Shutdown, checks: Vec<Check>) -> Self {
        Self(Arc::new(HealthParts {
            service,
            started: Instant::now(),
            shutdown,
            checks,
            ready_needs_checks: true,
        }))
    }

    /// The health of the gateway. It stays ready while a backend is down, because it still responds with 503.
    pub fn of_gateway(service: &'static str, shutdown: Shutdown, checks: Vec<Check>) -> Self {
        Self(Arc::new(HealthParts {
            service,
            started: Instant::now(),
            shutdown,
            checks,
            ready_needs_checks: false,
        }))
    }

    /// The routes `/health`, `/health/live` and `/health/ready`.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/health", get(async |State(health): State<Self>| health.overall()))
            .route("/health/live", get(async |State(health): State<Self>| health.live()))
            .route("/health/ready", get(async |State(health): State<Self>| health.ready()))
            .with_state(self.clone())
    }

    /// `/health`: 200, or 503 while any dependency is down or the service drains.
    pub fn overall(&self) -> Response {
        let checks = &self.0.checks;
        self.document(checks, checks.iter().all(Check::is_up) && !self.0.shutdown.is_draining())
    }

    /// `/health/live`: always 200.
    pub fn live(&self) -> Response {
        self.document(&[], true)
    }

    /// `/health/ready`: 200 while the service accepts requests, else 503.
    pub fn ready(&self) -> Response {
        let checks = if self.0.ready_needs_checks { &self.0.checks[..] } else { &[] };
        self.document(checks, self.is_ready())
    }

    /// Updates the gRPC health status until the service drains. Until then the empty service name is SERVING; it
    /// means the whole server. `grpc_service` is SERVING while the service is ready.
    pub async fn report_over_grpc(self, reporter: HealthReporter, grpc_service: &'static str) {
        let mut states: Vec<_> = self.0.checks.iter().map(|check| check.state.clone()).collect();
        loop {
            let is_draining = self.0.shutdown.is_draining();
            reporter.set_service_status("", serving_status(!is_draining)).await;
            reporter.set_service_status(grpc_service, serving_status(self.is_ready())).await;
            if is_draining {
                return;
            }
            tokio::select! {
                () = wait_for_change(&mut states) => {}
                () = self.0.shutdown.draining() => {}
            }
        }
    }

    fn is_ready(&self) -> bool {
        let parts = &self.0;
        !parts.shutdown.is_draining() && (!parts.ready_needs_checks || parts.checks.iter().all(Check::is_up))
    }

    fn document(&self, checks: &[Check], is_ok: bool) -> Response {
        let document = HealthDocument {
            status: if is_ok { "ok" } else { "error" },
            service: self.0.service,
            version: env!("CARGO_PKG_VERSION"),
            uptime: self.0.started.elapsed().as_secs(),
            checks: checks.iter().map(|check| (check.name, check_document(check))).collect(),
        };
        if is_ok {
            return Json(document).into_response();
        }
        // The dependencies are probed again within a second.
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], Json(document)).into_response()
    }
}

fn check_document(check: &Check) -> CheckDocument {
    let state = *check.state.borrow();
    CheckDocument { status: if state.is_ok() { "up" } else { "down" }, message: state.err() }
}

fn serving_status(is_serving: bool) -> ServingStatus {
    if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// Completes at the next change of any state. Never completes when no state can change.
async fn wait_for_change(states: &mut [watch::Receiver<CheckState>]) {
    let changes = states.iter_mut().map(|state| Box::pin(state.changed()));
    if changes.len() == 0 {
        return std::future::pending().await;
    }
    let (outcome, _, _) = futures::future::select_all(changes).await;
    if outcome.is_err() {
        std::future::pending::<()>().await;
    }
}
