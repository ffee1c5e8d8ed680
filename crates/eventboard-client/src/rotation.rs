//! The rotation: the current state of all replicas of one service, and the choice of a replica for each call.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use eventboard_chassis::metrics::at_each_scrape;
use metrics::Gauge;
use tokio::sync::watch;

use crate::{
    connection::{Call, Connection},
    error::CallError,
};

/// Why a replica is unavailable that has no connection.
pub(crate) const CONNECTION_FAILED: &str = "connection failed";

/// The state of a replica.
#[derive(Debug, Clone)]
pub(crate) enum ReplicaState {
    /// New, or its connection has just ended. The monitor is connecting.
    Connecting,
    /// In rotation.
    Ready(Arc<Connection>),
    /// Connected, but the last probe failed for this reason. Used only when no replica is ready.
    Suspect(Arc<Connection>, &'static str),
    /// Not connected, for this reason.
    Unavailable(&'static str),
}

/// The values of the label `state` of `eventboard_client_replicas`.
const STATE_LABELS: [&str; 4] = ["ready", "suspect", "connecting", "unavailable"];

impl ReplicaState {
    /// One of [`STATE_LABELS`].
    fn label(&self) -> &'static str {
        let [ready, suspect, connecting, unavailable] = STATE_LABELS;
        match self {
            Self::Ready(_) => ready,
            Self::Suspect(..) => suspect,
            Self::Connecting => connecting,
            Self::Unavailable(_) => unavailable,
        }
    }

    /// Whether calls can be sent.
    fn is_connected(&self) -> bool {
        match self {
            Self::Ready(connection) | Self::Suspect(connection, _) => !connection.is_closed(),
            Self::Connecting | Self::Unavailable(_) => false,
        }
    }

    /// Whether the monitor is connecting, or is about to because the connection is closed.
    fn is_connecting(&self) -> bool {
        match self {
            Self::Connecting => true,
            Self::Ready(connection) | Self::Suspect(connection, _) => connection.is_closed(),
            Self::Unavailable(_) => false,
        }
    }
}

/// The states of all replicas by address.
pub(crate) type ReplicaStates = BTreeMap<SocketAddr, ReplicaState>;

/// The states, written by discovery and the monitors and read by the calls.
#[derive(Debug)]
pub(crate) struct Rotation {
    /// `None` before the first discovery.
    states: watch::Sender<Option<ReplicaStates>>,
    /// Where the next search starts, so that replicas with equal load are used in turn.
    next_start: AtomicUsize,
}

impl Rotation {
    pub(crate) fn new() -> Self {
        Self { states: watch::Sender::new(None), next_start: AtomicUsize::new(0) }
    }

    /// Registers the gauges that count the replicas of this service by state.
    pub(crate) fn register_gauges(self: &Arc<Self>, service: &'static str) {
        let rotation = Arc::downgrade(self);
        let gauges = STATE_LABELS.map(
            |state| metrics::gauge!("eventboard_client_replicas", "upstream" => service, "state" => state),
        );
        at_each_scrape(move || rotation.upgrade().inspect(|rotation| rotation.set_gauges(&gauges)).is_some());
    }

    fn set_gauges(&self, gauges: &[Gauge; STATE_LABELS.len()]) {
        let states = self.states.borrow();
        for (label, gauge) in STATE_LABELS.into_iter().zip(gauges) {
            let replicas = states.iter().flat_map(BTreeMap::values);
            gauge.set(replicas.filter(|state| state.label() == label).count() as f64);
        }
    }

    /// Changes the set of replicas. A new replica must start as `Connecting`.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ReplicaStates)) {
        self.states.send_modify(|states| change(states.get_or_insert_default()));
    }

    /// Sets the state of a replica. Does nothing when the replica was removed.
    pub(crate) fn set(&self, address: SocketAddr, state: ReplicaState) {
        self.update(|states| {
            if let Some(current) = states.get_mut(&address) {
                *current = state;
            }
        });
    }

    /// Returns a receiver that is notified of every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<ReplicaStates>> {
        self.states.subscribe()
    }

    /// Whether a replica other than this one is ready.
    pub(crate) fn has_other_ready(&self, address: SocketAddr) -> bool {
        let states = self.states.borrow();
        let others = states.iter().flatten().filter(|(other, _)| **other != address);
        others.into_iter().any(|(_, state)| matches!(state, ReplicaState::Ready(_)))
    }

    /// The connected replicas, if none at `addresses` is ready. A call needs them until one of `addresses` is.
    pub(crate) fn connected_while_none_ready(&self, addresses: &BTreeSet<SocketAddr>) -> Vec<SocketAddr> {
        let states = self.states.borrow();
        let states = || states.iter().flatten();
        let is_ready = |(address, state): (&_, &_)| {
            addresses.contains(address) && matches!(state, ReplicaState::Ready(_))
        };
        if states().any(is_ready) {
            return Vec::new();
        }
        states().filter(|(_, state)| state.is_connected()).map(|(address, _)| *address).collect()
    }

    /// Checks that at least one replica is ready.
    ///
    /// # Errors
    /// Returns the reason why none is ready, for operators.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let states = self.states.borrow();
        let mut reason = CONNECTION_FAILED;
        for state in states.iter().flat_map(BTreeMap::values) {
            match state {
                ReplicaState::Ready(_) => return Ok(()),
                ReplicaState::Suspect(_, suspect_reason) => reason = suspect_reason,
                ReplicaState::Connecting | ReplicaState::Unavailable(_) => {}
            }
        }
        Err(reason)
    }

    /// Picks the replica with the lowest load. Prefers replicas in rotation, and among them those that are not in
    /// `tried`. Waits when no replica is connected but some are connecting.
    ///
    /// # Errors
    /// `NotConnected` when no replica is connected or connecting.
    pub(crate) async fn pick(&self, tried: &[SocketAddr]) -> Result<Call, CallError> {
        // The usual case. It avoids the cost of a subscription.
        if let Some(outcome) = self.try_pick(tried) {
            return outcome;
        }
        let mut changes = self.subscribe();
        loop {
            if let Some(outcome) = self.try_pick(tried) {
                return outcome;
            }
            if changes.changed().await.is_err() {
                return Err(CallError::NotConnected("the client is shut down"));
            }
        }
    }

    /// `None` when no replica is connected but some are connecting.
    fn try_pick(&self, tried: &[SocketAddr]) -> Option<Result<Call, CallError>> {
        let states = self.states.borrow();
        let states = states.as_ref()?;
        let start = self.next_start.fetch_add(1, Ordering::Relaxed) % states.len().max(1);
        let in_turn = states.iter().skip(start).chain(states.iter().take(start));
        let best = in_turn
            .filter_map(|(address, state)| {
                let (connection, is_suspect) = match state {
                    ReplicaState::Ready(connection) => (connection, false),
                    ReplicaState::Suspect(connection, _) => (connection, true),
                    ReplicaState::Connecting | ReplicaState::Unavailable(_) => return None,
                };
                let is_tried = tried.contains(address);
                (!connection.is_closed()).then_some((connection, is_suspect, is_tried))
            })
            // Prefers ready replicas, and among them those on which this call has not failed.
            .min_by_key(|(connection, is_suspect, is_tried)| (*is_suspect, *is_tried, connection.load()));
        match best {
            Some((connection, ..)) => Some(Ok(Connection::begin_call(connection))),
            None if states.values().any(ReplicaState::is_connecting) => None,
            None => Some(Err(CallError::NotConnected(unavailable_reason(states)))),
        }
    }
}

fn unavailable_reason(states: &ReplicaStates) -> &'static str {
    let mut reasons = states.values().filter_map(|state| match state {
        ReplicaState::Unavailable(reason) => Some(*reason),
        _ => None,
    });
    reasons.next().unwrap_or("the host name has no address")
}

#[cfg(test)]
impl Rotation {
    /// The number of replicas in rotation.
    pub(crate) fn ready_count(&self) -> usize {
        let states = self.states.borrow();
        let is_ready = |state: &&ReplicaState| matches!(state, ReplicaState::Ready(_));
        states.iter().flat_map(BTreeMap::values).filter(is_ready).count()
    }

    /// The addresses of all replicas.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.states.borrow().iter().flat_map(BTreeMap::keys).copied().collect()
    }
}
