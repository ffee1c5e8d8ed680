//! Graceful shutdown: first fail readiness, then stop accepting connections, then finish the requests in flight.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the requests in flight may take after the service stops accepting connections. A little more than the
/// longest deadline of a request.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(12);

/// The state of a shutdown. Every part of the process has a clone of it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    stopping: CancellationToken,
}

impl Shutdown {
    /// Creates a shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a shutdown that begins at SIGTERM or SIGINT and drains for `grace`.
    ///
    /// # Errors
    /// When the signal handlers cannot be registered.
    pub fn on_signal(grace: Duration) -> std::io::Result<Self> {
        let shutdown = Self::new();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let started_by_signal = shutdown.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, grace = ?grace, "Draining: no longer ready, still serving");
            started_by_signal.begin(grace).await;
        });
        Ok(shutdown)
    }

    /// Fails readiness immediately, and stops accepting connections after `grace`.
    pub async fn begin(&self, grace: Duration) {
        self.draining.cancel();
        tokio::time::sleep(grace).await;
        self.stopping.cancel();
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
