//! Graceful shutdown: first fail readiness and serve until the callers have left, then stop accepting connections, then
//! finish the requests in flight.

use std::time::Duration;

use axum::{extract::Request, response::Response};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::ListenConfig,
    layer::{Inner, Next},
};

/// How long the requests in flight may take after the service stops accepting connections. A little more than the
/// longest deadline of a request.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(12);

/// How long a process drains: until no request has arrived for `grace`, at the latest until `timeout` has passed.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Callers that send no request for this time have left.
    pub grace: Duration,
    /// After this time, the process stops even if requests still arrive.
    pub timeout: Duration,
}

impl Drain {
    /// The drain that these settings ask for.
    pub fn of(config: &ListenConfig) -> Self {
        Self { grace: config.drain_grace, timeout: config.drain_timeout }
    }
}

/// The state of a shutdown. Every part of the process has a clone of it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    stopping: CancellationToken,
    /// The number of requests that have arrived during the drain.
    late_requests: watch::Sender<u64>,
}

impl Shutdown {
    /// Creates a shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a shutdown that begins at SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the signal handlers cannot be registered.
    pub fn on_signal(drain: Drain) -> std::io::Result<Self> {
        let shutdown = Self::new();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let started_by_signal = shutdown.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            let Drain { grace, timeout } = drain;
            tracing::info!(signal = name, ?grace, ?timeout, "Draining: no longer ready, still serving");
            started_by_signal.drain(drain).await;
        });
        Ok(shutdown)
    }

    /// Fails readiness immediately, and stops accepting connections after `grace`, even if requests still arrive.
    pub async fn begin(&self, grace: Duration) {
        self.drain(Drain { grace, timeout: grace }).await;
    }

    /// Fails readiness immediately, and stops accepting connections at the end of the drain.
    pub async fn drain(&self, drain: Drain) {
        let mut late_requests = self.late_requests.subscribe();
        self.draining.cancel();
        let callers_left = async { while timeout(drain.grace, late_requests.changed()).await.is_ok() {} };
        let have_callers_left = timeout(drain.timeout, callers_left).await.is_ok();
        let requests = *self.late_requests.borrow();
        if !drain.timeout.is_zero() {
            // If both times are the same, the drain may end at either of them.
            log_end(have_callers_left || requests == 0, requests);
        }
        self.stopping.cancel();
    }

    /// Notes that a caller still uses this process. A drain waits until all callers have left.
    pub fn record_request(&self) {
        if self.is_draining() {
            self.late_requests.send_modify(|count| *count += 1);
        }
    }

    /// Whether the shutdown has begun, so that readiness fails.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Completes when the shutdown begins.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Completes when no new connections are accepted.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }
}

/// Says why a drain has ended, and how many requests have arrived in it.
fn log_end(have_callers_left: bool, requests: u64) {
    if have_callers_left {
        tracing::info!(requests, "Drained: no request has arrived for the grace period");
    } else {
        tracing::info!(requests, "Drained: the time is up, although requests may still arrive");
    }
}

/// The layer function that counts requests for the drain. Health checks, metrics and reflection must not pass it,
/// because those who send them do not depend on this process.
pub async fn count_request(shutdown: Shutdown, request: Request, next: Next<impl Inner>) -> Response {
    shutdown.record_request();
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const DRAIN: Drain = Drain { grace: Duration::from_secs(5), timeout: Duration::from_secs(45) };

    /// Drains while a request arrives every `pace`, from the start to the instant `until`. Returns how long it took.
    async fn drain_with_requests(pace: Duration, until: Duration) -> Duration {
        let (shutdown, started) = (Shutdown::new(), Instant::now());
        let caller = shutdown.clone();
        tokio::spawn(async move {
            while started.elapsed() < until {
                caller.record_request();
                sleep(pace).await;
            }
        });
        shutdown.drain(DRAIN).await;
        started.elapsed()
    }

    /// The paused clock has a resolution of a millisecond.
    fn assert_about(actual: Duration, expected: Duration) {
        assert!(actual.abs_diff(expected) < Duration::from_millis(100), "{actual:?} instead of {expected:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_requests_a_drain_takes_the_grace_period() {
        let took = drain_with_requests(Duration::from_secs(1), Duration::ZERO).await;
        assert_about(took, DRAIN.grace);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_when_no_request_has_arrived_for_the_grace_period() {
        let took = drain_with_requests(Duration::from_secs(4), Duration::from_secs(18)).await;
        assert_about(took, Duration::from_secs(16) + DRAIN.grace);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_at_its_timeout_although_requests_still_arrive() {
        let took = drain_with_requests(Duration::from_millis(100), Duration::from_secs(3600)).await;
        assert_about(took, DRAIN.timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_before_the_drain_do_not_prolong_it() {
        let (shutdown, started) = (Shutdown::new(), Instant::now());
        shutdown.record_request();
        shutdown.drain(DRAIN).await;
        assert_about(started.elapsed(), DRAIN.grace);
        assert_eq!(*shutdown.late_requests.borrow(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_not_ready_from_the_first_moment_of_a_drain() {
        let shutdown = Shutdown::new();
        let drain = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.drain(DRAIN).await }
        });
        shutdown.draining().await;
        assert!(shutdown.is_draining() && !shutdown.stopping.is_cancelled());
        drain.await.expect("no panic");
        assert!(shutdown.stopping.is_cancelled());
    }
}
