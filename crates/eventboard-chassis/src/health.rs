//! Health: what a service needs, whether it has it, and how that is told over HTTP and gRPC.

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

/// How often a dependency that is there is looked at, and one that is not.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBE_INTERVAL_WHEN_DOWN: Duration = Duration::from_millis(100);

/// Whether a dependency is there, with a reason that an operator may see when it is not.
type CheckState = Result<(), &'static str>;

/// A dependency that is looked at in the background, so that asking for health costs nothing and is
/// answered under any load.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    state: watch::Receiver<CheckState>,
}

impl Check {
    /// Runs `probe` every second for as long as the process lives.
    pub fn spawn<P, F>(name: &'static str, mut probe: P) -> Self
    where
        P: FnMut() -> F + Send + 'static,
        F: Future<Output = CheckState> + Send,
    {
        let (reporter, check) = Self::reported(name);
        tokio::spawn(async move {
            while !reporter.state.is_closed() {
                let found = probe().await;
                reporter.report(found);
                let pause = if found.is_ok() { PROBE_INTERVAL } else { PROBE_INTERVAL_WHEN_DOWN };
                tokio::time::sleep(pause).await;
            }
        });
        check
    }

    /// Asks `found` now and after each of the `changes`, which is how a dependency is watched that somebody else looks at.
    pub fn follow<T, F>(name: &'static str, mut changes: watch::Receiver<T>, found: F) -> Self
    where
        T: Send + Sync + 'static,
        F: Fn() -> CheckState + Send + 'static,
    {
        let (reporter, check) = Self::reported(name);
        tokio::spawn(async move {
            loop {
                reporter.report(found());
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        check
    }

    fn reported(name: &'static str) -> (Reporter, Self) {
        let (sender, state) = watch::channel(Err("not checked yet"));
        let up = metrics::gauge!("eventboard_dependency_up", "dependency" => name);
        up.set(0.0);
        (Reporter { name, state: sender, up }, Self { name, state })
    }

    fn is_up(&self) -> bool {
        self.state.borrow().is_ok()
    }
}

/// Where what was found is told.
struct Reporter {
    name: &'static str,
    state: watch::Sender<CheckState>,
    up: Gauge,
}

impl Reporter {
    fn report(&self, found: CheckState) {
        self.state.send_if_modified(|known| {
            let changed = *known != found;
            if changed {
                log_change(self.name, *known, found);
                self.up.set(if found.is_ok() { 1.0 } else { 0.0 });
                *known = found;
            }
            changed
        });
    }
}

fn log_change(dependency: &str, before: CheckState, now: CheckState) {
    match (before, now) {
        (Ok(()), Err(reason)) => tracing::warn!(dependency, reason, "A dependency is down"),
        (Err(_), Err(reason)) => tracing::info!(dependency, reason, "A dependency is not there"),
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
    /// Whether a dependency that is down also makes the service not ready.
    ready_needs_checks: bool,
}

/// The body of a health answer.
#[derive(Debug, Serialize)]
pub struct HealthDocument {
    /// `ok` or `error`.
    pub status: &'static str,
    /// The service's name.
    pub service: &'static str,
    /// The service's version.
    pub version: &'static str,
    /// Seconds since the service started.
    pub uptime: u64,
    /// Each dependency by name.
    pub checks: BTreeMap<&'static str, CheckDocument>,
}

/// One dependency within a health answer.
#[derive(Debug, Serialize)]
pub struct CheckDocument {
    /// `up` or `down`.
    pub status: &'static str,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

impl Health {
    /// A backend: ready only when its dependencies are there.
    pub fn of_backend(service: &'static str, shutdown: Shutdown, checks: Vec<Check>) -> Self {
        Self(Arc::new(HealthParts {
            service,
            started: Instant::now(),
            shutdown,
            checks,
            ready_needs_checks: true,
        }))
    }

    /// The gateway: ready even with a backend away, for it still serves its 503s.
    pub fn of_gateway(service: &'static str, shutdown: Shutdown, checks: Vec<Check>) -> Self {
        Self(Arc::new(HealthParts {
            service,
            started: Instant::now(),
            shutdown,
            checks,
            ready_needs_checks: false,
        }))
    }

    /// `/health`, `/health/live` and `/health/ready`.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/health", get(async |State(health): State<Self>| health.overall()))
            .route("/health/live", get(async |State(health): State<Self>| health.live()))
            .route("/health/ready", get(async |State(health): State<Self>| health.ready()))
            .with_state(self.clone())
    }

    /// 200, or 503 when any dependency is down or the service drains.
    pub fn overall(&self) -> Response {
        let checks = &self.0.checks;
        self.document(checks, checks.iter().all(Check::is_up) && !self.0.shutdown.is_draining())
    }

    /// 200 for as long as the process answers.
    pub fn live(&self) -> Response {
        self.document(&[], true)
    }

    /// 200 when the service wants work, else 503.
    pub fn ready(&self) -> Response {
        let checks = if self.0.ready_needs_checks { &self.0.checks[..] } else { &[] };
        self.document(checks, self.is_ready())
    }

    /// Keeps the gRPC health service truthful: the empty name stands for the process (not draining),
    /// `grpc_service` also for its dependencies.
    pub async fn report_over_grpc(self, reporter: HealthReporter, grpc_service: &'static str) {
        let mut states: Vec<_> = self.0.checks.iter().map(|check| check.state.clone()).collect();
        loop {
            let draining = self.0.shutdown.is_draining();
            reporter.set_service_status("", serving(!draining)).await;
            reporter.set_service_status(grpc_service, serving(self.is_ready())).await;
            if draining {
                return;
            }
            tokio::select! {
                () = any_change(&mut states) => {}
                () = self.0.shutdown.draining() => {}
            }
        }
    }

    fn is_ready(&self) -> bool {
        let parts = &self.0;
        !parts.shutdown.is_draining() && (!parts.ready_needs_checks || parts.checks.iter().all(Check::is_up))
    }

    fn document(&self, checks: &[Check], ok: bool) -> Response {
        let document = HealthDocument {
            status: if ok { "ok" } else { "error" },
            service: self.0.service,
            version: env!("CARGO_PKG_VERSION"),
            uptime: self.0.started.elapsed().as_secs(),
            checks: checks.iter().map(|check| (check.name, check_document(check))).collect(),
        };
        if ok {
            return Json(document).into_response();
        }
        // The next look at the dependencies is never further away than this.
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], Json(document)).into_response()
    }
}

fn check_document(check: &Check) -> CheckDocument {
    let state = *check.state.borrow();
    CheckDocument { status: if state.is_ok() { "up" } else { "down" }, message: state.err() }
}

fn serving(yes: bool) -> ServingStatus {
    if yes { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// Completes with the next change of any state; never when there is none to watch.
async fn any_change(states: &mut [watch::Receiver<CheckState>]) {
    let changes = states.iter_mut().map(|state| Box::pin(state.changed()));
    if changes.len() == 0 {
        return std::future::pending().await;
    }
    let (outcome, _, _) = futures::future::select_all(changes).await;
    if outcome.is_err() {
        std::future::pending::<()>().await;
    }
}
