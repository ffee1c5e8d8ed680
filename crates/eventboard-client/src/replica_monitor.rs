//! Monitors one replica: maintains its connection, probes its health, and decides whether it is in rotation.
//!
//! Only a transport failure or a failed probe ejects a replica, which means that the replica is taken out of
//! rotation. An error status or a slow response never ejects a replica: when calls wait without any activity from the
//! replica, the monitor only sends a probe. So a slow database or a row lock does not eject replicas.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use metrics::Counter;
use tokio::time::Instant;

use crate::{
    connection::{Connection, ProbeResult},
    rotation::{CONNECTION_FAILED, ReplicaState, Rotation},
};

/// How often a replica in rotation is probed. The interval limits how long a draining replica still gets calls.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// When calls wait for longer than this without any activity from the replica, it is probed immediately. An
/// unresponsive replica must be out of rotation within a second, so this limit plus the probe timeout is less than a
/// second.
const INACTIVITY_LIMIT: Duration = Duration::from_millis(250);

/// After this many unanswered probes (some seven seconds) even the last replica gets a new connection, because the
/// network path of the old connection may be dead.
const MAX_UNANSWERED_PROBES: u32 = 12;

/// How often the activity of a connection is checked.
const ACTIVITY_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The delay before a failed replica is connected again. It doubles with each further failure.
const BACKOFF_BASE: Duration = Duration::from_millis(100);
const BACKOFF_CAP: Duration = Duration::from_secs(1);

/// A replica that was in rotation for this long is stable: the end of its connection counts as a first failure.
const STABLE_AFTER: Duration = Duration::from_secs(5);

const CONNECTION_CLOSED: &str = "connection closed";
const NO_RESPONSE: &str = "no response to health probes";
const NOT_SERVING: &str = "health probe reports not serving";

/// The monitor of one replica.
pub(crate) struct ReplicaMonitor {
    service: &'static str,
    grpc_service: &'static str,
    address: SocketAddr,
    rotation: Arc<Rotation>,
    phase: Phase,
    failures: u32,
    ejections: Counter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Never in rotation so far.
    New,
    /// In rotation since this instant.
    InRotation(Instant),
    /// Was in rotation, and the connection has just ended.
    Disconnected,
    /// Taken out of rotation because a probe failed, but still connected. It was in rotation since this instant.
    Suspect(Instant),
    /// Taken out of rotation.
    Ejected,
}

/// Why a connection ended.
enum ConnectionEnd {
    /// The peer closed it, or announced that it will.
    Closed,
    /// The replica is unresponsive, and either another one is ready or it has been unresponsive for long.
    Unresponsive,
}

/// The counter of replicas ejected from the rotation of a service.
pub(crate) fn ejections(service: &'static str) -> Counter {
    metrics::counter!("eventboard_client_ejections_total", "upstream" => service)
}

impl ReplicaMonitor {
    pub(crate) fn new(
        service: &'static str,
        grpc_service: &'static str,
        address: SocketAddr,
        rotation: Arc<Rotation>,
    ) -> Self {
        let ejections = ejections(service);
        Self { service, grpc_service, address, rotation, phase: Phase::New, failures: 0, ejections }
    }

    /// Monitors the replica while the future is polled.
    pub(crate) async fn run(mut self) {
        loop {
            let reason = match Connection::open(self.address).await {
                Ok(connection) => match self.monitor_connection(&Arc::new(connection)).await {
                    ConnectionEnd::Closed => CONNECTION_CLOSED,
                    ConnectionEnd::Unresponsive => NO_RESPONSE,
                },
                Err(error) => {
                    let target_service = self.service;
                    tracing::debug!(target_service, replica = %self.address, %error, "Connection failed");
                    CONNECTION_FAILED
                }
            };
            let should_reconnect_at_once = self.record_disconnection();
            if should_reconnect_at_once {
                // The replica is probably healthy and only closed an old connection. The next connection attempt
                // shows whether it is.
                self.rotation.set(self.address, ReplicaState::Connecting);
                continue;
            }
            self.mark_unavailable(reason);
            tokio::time::sleep(backoff(self.failures)).await;
            self.failures += 1;
        }
    }

    /// Probes the replica until its connection ends.
    async fn monitor_connection(&mut self, connection: &Arc<Connection>) -> ConnectionEnd {
        let mut unanswered = 0;
        loop {
            let is_last_resort = !self.rotation.has_other_ready(self.address);
            let result = connection.probe(self.grpc_service, is_last_resort).await;
            unanswered = if result == ProbeResult::NoResponse { unanswered + 1 } else { 0 };
            match result {
                _ if connection.is_closed() => return ConnectionEnd::Closed,
                ProbeResult::Serving => self.mark_ready(connection),
                ProbeResult::NotServing => self.mark_suspect(connection, NOT_SERVING),
                // Fails the calls in flight. Those that are safe to repeat are retried on another replica, if one is
                // ready.
                ProbeResult::NoResponse
                    if unanswered >= MAX_UNANSWERED_PROBES || self.rotation.has_other_ready(self.address) =>
                {
                    self.mark_unavailable(NO_RESPONSE);
                    connection.abort();
                    return ConnectionEnd::Unresponsive;
                }
                ProbeResult::NoResponse => self.mark_suspect(connection, NO_RESPONSE),
            }
            tokio::select! {
                () = connection.closed() => return ConnectionEnd::Closed,
                () = self.wait_until_probe_is_due(connection) => {}
            }
        }
    }

    async fn wait_until_probe_is_due(&self, connection: &Connection) {
        let is_in_rotation = matches!(self.phase, Phase::InRotation(_));
        let interval = if is_in_rotation { PROBE_INTERVAL } else { BACKOFF_BASE };
        let next_probe = Instant::now() + interval;
        loop {
            tokio::time::sleep(ACTIVITY_CHECK_INTERVAL).await;
            if Instant::now() >= next_probe || connection.time_since_activity() >= INACTIVITY_LIMIT {
                return;
            }
        }
    }

    fn mark_ready(&mut self, connection: &Arc<Connection>) {
        let before = self.phase;
        if matches!(before, Phase::InRotation(_)) {
            return;
        }
        self.phase = Phase::InRotation(Instant::now());
        self.rotation.set(self.address, ReplicaState::Ready(Arc::clone(connection)));
        if matches!(before, Phase::Suspect(_) | Phase::Ejected) {
            tracing::info!(target_service = self.service, replica = %self.address, "Back in rotation");
        } else {
            tracing::debug!(target_service = self.service, replica = %self.address, "In rotation");
        }
    }

    fn mark_suspect(&mut self, connection: &Arc<Connection>, reason: &'static str) {
        self.rotation.set(self.address, ReplicaState::Suspect(Arc::clone(connection), reason));
        let before = self.phase;
        self.eject(reason);
        if let Phase::InRotation(since) | Phase::Suspect(since) = before {
            self.phase = Phase::Suspect(since);
        }
    }

    fn mark_unavailable(&mut self, reason: &'static str) {
        self.rotation.set(self.address, ReplicaState::Unavailable(reason));
        self.eject(reason);
    }

    fn eject(&mut self, reason: &'static str) {
        let before = self.phase;
        if before == Phase::New {
            return;
        }
        self.phase = Phase::Ejected;
        if matches!(before, Phase::Suspect(_) | Phase::Ejected) {
            return;
        }
        self.ejections.increment(1);
        let message = if self.rotation.has_other_ready(self.address) {
            "Ejected: out of rotation until its health check reports SERVING"
        } else {
            "Ejected, but no other replica is ready: it still gets calls while it is connected"
        };
        tracing::warn!(target_service = self.service, replica = %self.address, reason, "{message}");
    }

    /// Records the end of a connection. Returns whether to reconnect immediately: the replica was in rotation on this
    /// connection, and this is the first disconnection since it became stable. Healthy replicas close connections now
    /// and then, but not repeatedly. Also after a failed probe, a new connection may work: a broken path in the
    /// network looks like an unresponsive replica until its connections are closed.
    fn record_disconnection(&mut self) -> bool {
        let (since, next) = match self.phase {
            Phase::InRotation(since) => (since, Phase::Disconnected),
            Phase::Suspect(since) => (since, Phase::Ejected),
            Phase::New | Phase::Disconnected | Phase::Ejected => return false,
        };
        self.phase = next;
        if since.elapsed() >= STABLE_AFTER {
            self.failures = 0;
        }
        let is_first = self.failures == 0;
        self.failures += 1;
        is_first
    }
}

fn backoff(failures: u32) -> Duration {
    BACKOFF_BASE.saturating_mul(2u32.saturating_pow(failures)).min(BACKOFF_CAP)
}
