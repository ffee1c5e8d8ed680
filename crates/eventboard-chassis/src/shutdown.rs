//! Leaving in order: first say so, then stop accepting, then finish what is in flight.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long in-flight work may take after the last connection was accepted: a little more than the
/// longest deadline of the policy table.
pub const FINISH_WITHIN: Duration = Duration::from_secs(12);

/// The two moments of a shutdown, shared by everything that takes part in it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    stopping: CancellationToken,
}

impl Shutdown {
    /// A shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that begins with SIGTERM or SIGINT and drains for `grace`.
    ///
    /// # Errors
    /// When the operating system refuses the signal handlers.
    pub fn on_signal(grace: Duration) -> std::io::Result<Self> {
        let shutdown = Self::new();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let begun = shutdown.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, grace = ?grace, "Draining: no longer ready, still serving");
            begun.begin(grace).await;
        });
        Ok(shutdown)
    }

    /// Fails readiness at once, and stops accepting after `grace`.
    pub async fn begin(&self, grace: Duration) {
        self.draining.cancel();
        tokio::time::sleep(grace).await;
        self.stopping.cancel();
    }

    /// Whether readiness has failed.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Completes when readiness fails.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Completes when no new connection is to be accepted.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }
}
