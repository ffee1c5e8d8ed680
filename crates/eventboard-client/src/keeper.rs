//! Keeps one replica: its connection, and whether it is in rotation.
//!
//! Only a transport failure or a failed probe takes a replica out, never a status or a slow answer by itself: calls
//! that wait without a sign of life only cause a probe. A slow database or a row lock ejects nobody.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use metrics::Counter;
use tokio::time::Instant;

use crate::{
    connection::{Connection, Probe},
    rotation::{Rotation, Standing},
};

/// How often a replica in rotation is asked. It bounds how long a draining one gets calls.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Calls that wait for longer without any sign of life cause a probe. Together with the time that a probe may take it
/// stays below the second within which a hung replica is out of rotation.
const SUSPICIOUS_SILENCE: Duration = Duration::from_millis(250);

/// After as many probes without an answer (some seven seconds) even the last replica gets a new connection: it may be the
/// way there that is dead.
const SILENT_PROBES: u32 = 12;

/// How often a connection is looked at.
const TICK: Duration = Duration::from_millis(50);

/// The wait before a replica that failed is tried again; it doubles with each further failure.
const BACKOFF_BASE: Duration = Duration::from_millis(100);
const BACKOFF_CAP: Duration = Duration::from_secs(1);

/// A replica that was in rotation for this long is healthy: the next end of its connection counts as the first.
const STABLE: Duration = Duration::from_secs(5);

/// The keeper of one replica.
pub(crate) struct Keeper {
    service: &'static str,
    grpc_service: &'static str,
    address: SocketAddr,
    rotation: Arc<Rotation>,
    state: State,
    failures: u32,
    ejections: Counter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was never in rotation.
    New,
    /// In rotation since then.
    Ready(Instant),
    /// It was in rotation, and its connection has just ended.
    Lost,
    /// Taken out of rotation.
    Ejected,
}

/// Why a connection is not kept.
enum Ended {
    /// The peer closed it, or said that it will.
    Closed,
    /// The replica does not answer while others do, or has not for long.
    Silent,
}

/// Counts the replicas of a service that were taken out of rotation.
pub(crate) fn ejections(service: &'static str) -> Counter {
    metrics::counter!("eventboard_client_ejections_total", "upstream" => service)
}

impl Keeper {
    pub(crate) fn new(
        service: &'static str,
        grpc_service: &'static str,
        address: SocketAddr,
        rotation: Arc<Rotation>,
    ) -> Self {
        let ejections = ejections(service);
        Self { service, grpc_service, address, rotation, state: State::New, failures: 0, ejections }
    }

    /// Keeps the replica for as long as the future is polled.
    pub(crate) async fn keep(mut self) {
        loop {
            let reason = match Connection::open(self.address).await {
                Ok(connection) => match self.watch(&Arc::new(connection)).await {
                    Ended::Closed => "the connection was closed",
                    Ended::Silent => "it does not answer",
                },
                Err(error) => {
                    tracing::debug!(service = self.service, replica = %self.address, %error, "No connection");
                    "it cannot be reached"
                }
            };
            if self.lost_in_good_order() {
                // The next attempt tells whether it was just the connection's time.
                self.rotation.set(self.address, Standing::Connecting);
                continue;
            }
            self.away(reason);
            tokio::time::sleep(backoff(self.failures)).await;
            self.failures += 1;
        }
    }

    /// Probes the replica whenever that is due, until the connection ends.
    async fn watch(&mut self, connection: &Arc<Connection>) -> Ended {
        let mut silent = 0;
        loop {
            let found = connection.probe(self.grpc_service).await;
            silent = if found == Probe::Silent { silent + 1 } else { 0 };
            match found {
                _ if connection.is_closed() => return Ended::Closed,
                Probe::Serving => self.ready(connection),
                Probe::NotServing => self.doubt(connection, "it says that it is not serving"),
                // Whoever waits for it is better off elsewhere, if there is an elsewhere.
                Probe::Silent if silent >= SILENT_PROBES || self.rotation.others_are_ready(self.address) => {
                    self.away("it does not answer");
                    connection.break_off();
                    return Ended::Silent;
                }
                Probe::Silent => self.doubt(connection, "it does not answer"),
            }
            tokio::select! {
                () = connection.closed() => return Ended::Closed,
                () = self.until_probe_is_due(connection) => {}
            }
        }
    }

    async fn until_probe_is_due(&self, connection: &Connection) {
        let is_ready = matches!(self.state, State::Ready(_));
        let interval = if is_ready { PROBE_INTERVAL } else { BACKOFF_BASE };
        let regular = Instant::now() + interval;
        loop {
            tokio::time::sleep(TICK).await;
            if Instant::now() >= regular || connection.silence() >= SUSPICIOUS_SILENCE {
                return;
            }
        }
    }

    fn ready(&mut self, connection: &Arc<Connection>) {
        let before = self.state;
        if matches!(before, State::Ready(_)) {
            return;
        }
        self.state = State::Ready(Instant::now());
        self.rotation.set(self.address, Standing::Ready(Arc::clone(connection)));
        if before == State::Ejected {
            tracing::info!(target_service = self.service, replica = %self.address, "Back in rotation");
        } else {
            tracing::debug!(target_service = self.service, replica = %self.address, "In rotation");
        }
    }

    fn doubt(&mut self, connection: &Arc<Connection>, reason: &'static str) {
        self.rotation.set(self.address, Standing::Doubtful(Arc::clone(connection), reason));
        self.eject(reason);
    }

    fn away(&mut self, reason: &'static str) {
        self.rotation.set(self.address, Standing::Away(reason));
        self.eject(reason);
    }

    fn eject(&mut self, reason: &'static str) {
        if matches!(self.state, State::New | State::Ejected) {
            return;
        }
        self.state = State::Ejected;
        self.ejections.increment(1);
        let message = if self.rotation.others_are_ready(self.address) {
            "Ejected: out of rotation until its health check says that it is serving"
        } else {
            "Ejected, but the last one: it is still used when it can be reached"
        };
        tracing::warn!(target_service = self.service, replica = %self.address, reason, "{message}");
    }

    /// Whether the connection of a replica in rotation ended, as happens in good order now and then, and not time and
    /// again.
    fn lost_in_good_order(&mut self) -> bool {
        let State::Ready(since) = self.state else { return false };
        self.state = State::Lost;
        if since.elapsed() >= STABLE {
            self.failures = 0;
        }
        let first = self.failures == 0;
        self.failures += 1;
        first
    }
}

fn backoff(failures: u32) -> Duration {
    BACKOFF_BASE.saturating_mul(2u32.saturating_pow(failures)).min(BACKOFF_CAP)
}
