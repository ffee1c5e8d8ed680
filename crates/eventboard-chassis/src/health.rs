//! Health checks: probes the dependencies of a service and reports their state over HTTP and gRPC.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
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
use tokio::{sync::watch, time::Instant};

use crate::shutdown::Shutdown;

/// The pause between two probes of a dependency that is up, and of one that is down.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBE_INTERVAL_WHEN_DOWN: Duration = Duration::from_millis(100);

/// A gateway that was just started is ready after this time, even if a dependency was never up. It then responds with
/// 503. A replica that is found through DNS is connected sooner, even if an answer is lost.
const FIRST_CONTACT_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of a dependency: up, or down with a reason for operators.
type CheckState = Result<(), &'static str>;

/// The health check of a dependency. It is updated in the background, so that health requests are cheap and are
/// answered under any load.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    state: watch::Receiver<CheckState>,
    was_up: Arc<AtomicBool>,
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
        let was_up = Arc::new(AtomicBool::new(false));
        (Reporter { name, state: sender, up, was_up: Arc::clone(&was_up) }, Self { name, state, was_up })
    }

    fn is_up(&self) -> bool {
        self.state.borrow().is_ok()
    }

    /// Whether the dependency was up at any time since the start.
    fn was_up(&self) -> bool {
        self.was_up.load(Ordering::Relaxed)
    }
}

/// Publishes the state of a check to its subscribers, to the log and as a metric.
struct Reporter {
    name: &'static str,
    state: watch::Sender<CheckState>,
    up: Gauge,
    was_up: Arc<AtomicBool>,
}

impl Reporter {
    fn report(&self, state: CheckState) {
        if state.is_ok() {
            self.was_up.store(true, Ordering::Relaxed);
        }
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
    readiness: Readiness,
}

/// What a service needs from its dependencies to be ready.
#[derive(Debug, Clone, Copy)]
enum Readiness {
    /// All must be up.
    AllUp,
    /// Each must have been up once, unless [`FIRST_CONTACT_TIMEOUT`] has passed since the start.
    AllReachedOnce,
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
            readiness: Readiness::AllUp,
        }))
    }

    /// The health of the gateway. It becomes ready when it has reached each backend once, so that a new replica fails no
    /// request that an older one would serve. Later it stays ready while a backend is down, because it still responds
    /// with 503. It also becomes ready if a backend stays down.
    pub fn of_gateway(service: &'static str, shutdown: Shutdown, checks: Vec<Check>) -> Self {
        Self(Arc::new(HealthParts {
            service,
            started: Instant::now(),
            shutdown,
            checks,
            readiness: Readiness::AllReachedOnce,
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
        let checks = match self.0.readiness {
            Readiness::AllReachedOnce if self.has_dependencies() => &[],
            Readiness::AllReachedOnce | Readiness::AllUp => &self.0.checks[..],
        };
        self.document(checks, self.is_ready())
    }

    /// Follows the changes of this health from now on.
    pub(crate) fn changes(&self) -> HealthChanges {
        HealthChanges {
            states: self.0.checks.iter().map(|check| check.state.clone()).collect(),
            shutdown: self.0.shutdown.clone(),
            has_drain_begun: false,
        }
    }

    /// Whether the service drains. It never ends.
    pub(crate) fn is_draining(&self) -> bool {
        self.0.shutdown.is_draining()
    }

    /// Whether the service accepts requests.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining() && self.has_dependencies()
    }

    /// Whether the service has what it needs from its dependencies.
    fn has_dependencies(&self) -> bool {
        let HealthParts { checks, started, readiness, .. } = &*self.0;
        match readiness {
            Readiness::AllUp => checks.iter().all(Check::is_up),
            Readiness::AllReachedOnce => {
                checks.iter().all(Check::was_up) || started.elapsed() >= FIRST_CONTACT_TIMEOUT
            }
        }
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

/// The changes of a [`Health`].
pub(crate) struct HealthChanges {
    states: Vec<watch::Receiver<CheckState>>,
    shutdown: Shutdown,
    has_drain_begun: bool,
}

impl HealthChanges {
    /// Completes when the health may have changed since the last call. Never completes after the drain began.
    pub(crate) async fn next(&mut self) {
        if self.has_drain_begun {
            return std::future::pending().await;
        }
        tokio::select! {
            () = wait_for_change(&mut self.states) => {}
            () = self.shutdown.draining() => self.has_drain_begun = true,
        }
    }
}

/// Completes at the next change of any state. Never completes when no state can change.
async fn wait_for_change(states: &mut Vec<watch::Receiver<CheckState>>) {
    while !states.is_empty() {
        let changes = states.iter_mut().map(|state| Box::pin(state.changed()));
        let (outcome, position, _) = futures::future::select_all(changes).await;
        match outcome {
            Ok(()) => return,
            // Its check has ended, and does not change any more.
            Err(_) => drop(states.swap_remove(position)),
        }
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// A gateway with one dependency, whose state the test sets.
    fn gateway() -> (Health, Shutdown, watch::Sender<CheckState>) {
        let (state, changes) = watch::channel(Err("connection failed"));
        let current = changes.clone();
        let check = Check::on_changes("events-service", changes, move || *current.borrow());
        let shutdown = Shutdown::new();
        (Health::of_gateway("api-gateway", shutdown.clone(), vec![check]), shutdown, state)
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_is_ready_from_its_first_contact_with_a_service_until_it_drains() {
        let (health, shutdown, state) = gateway();
        tokio::time::sleep(FIRST_CONTACT_TIMEOUT / 2).await;
        assert!(!health.is_ready());
        assert_eq!(health.ready().status(), StatusCode::SERVICE_UNAVAILABLE);
        for current in [Ok(()), Err("connection failed")] {
            state.send(current).expect("a receiver");
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(health.is_ready(), "{current:?}");
        }
        shutdown.begin(Duration::ZERO).await;
        assert!(!health.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_without_its_services_is_ready_after_a_while() {
        let (health, ..) = gateway();
        tokio::time::sleep(FIRST_CONTACT_TIMEOUT - Duration::from_millis(10)).await;
        assert!(!health.is_ready());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(health.ready().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_check_that_has_ended_does_not_hide_the_changes_of_the_others() {
        let ((ended, first), (other, second)) = (watch::channel(Ok(())), watch::channel(Ok(())));
        let mut states = vec![first, second];
        drop(ended);
        assert!(wait_for_change(&mut states).now_or_never().is_none());
        for state in [Err("down"), Ok(())] {
            other.send(state).expect("a receiver");
            wait_for_change(&mut states).now_or_never().expect("a change");
        }
    }
}
