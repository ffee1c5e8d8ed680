//! The replicas of one service as they stand at the moment, and the choice among them.

use std::{
    collections::BTreeMap,
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

/// How a replica stands.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// New, or its connection has just ended: it will be known in a moment.
    Connecting,
    /// In rotation.
    Ready(Arc<Connection>),
    /// Connected, but its last probe failed for this reason: used only when nobody is ready.
    Doubtful(Arc<Connection>, &'static str),
    /// There is no connection, for this reason.
    Away(&'static str),
}

/// The states of replicas as operators know them.
const STATES: [&str; 4] = ["ready", "doubtful", "connecting", "away"];

impl Standing {
    /// One of [`STATES`].
    fn state(&self) -> &'static str {
        let [ready, doubtful, connecting, away] = STATES;
        match self {
            Self::Ready(_) => ready,
            Self::Doubtful(..) => doubtful,
            Self::Connecting => connecting,
            Self::Away(_) => away,
        }
    }

    /// Whether the next moment will tell: there is no connection yet, or its keeper is about to make another one.
    fn is_connecting(&self) -> bool {
        match self {
            Self::Connecting => true,
            Self::Ready(connection) | Self::Doubtful(connection, _) => connection.is_closed(),
            Self::Away(_) => false,
        }
    }
}

/// All replicas by address.
pub(crate) type Standings = BTreeMap<SocketAddr, Standing>;

/// What discovery and the keepers write and the calls read.
#[derive(Debug)]
pub(crate) struct Rotation {
    standings: watch::Sender<Option<Standings>>,
    /// Where the next search for a replica begins, so that equals take turns.
    turn: AtomicUsize,
}

impl Rotation {
    /// Before the first discovery.
    pub(crate) fn new() -> Self {
        Self { standings: watch::Sender::new(None), turn: AtomicUsize::new(0) }
    }

    /// Shows operators how the replicas of this service stand.
    pub(crate) fn observe(self: &Arc<Self>, service: &'static str) {
        let rotation = Arc::downgrade(self);
        let gauges = STATES.map(
            |state| metrics::gauge!("eventboard_client_replicas", "upstream" => service, "state" => state),
        );
        at_each_scrape(move || rotation.upgrade().inspect(|rotation| rotation.count_into(&gauges)).is_some());
    }

    fn count_into(&self, gauges: &[Gauge; STATES.len()]) {
        let standings = self.standings.borrow();
        for (state, gauge) in STATES.into_iter().zip(gauges) {
            let replicas = standings.iter().flat_map(BTreeMap::values);
            gauge.set(replicas.filter(|standing| standing.state() == state).count() as f64);
        }
    }

    /// Adds and removes replicas; one that is new begins as `Connecting`.
    pub(crate) fn replace(&self, change: impl FnOnce(&mut Standings)) {
        self.standings.send_modify(|standings| change(standings.get_or_insert_default()));
    }

    /// A replica stands differently now. Nothing happens to one that was removed.
    pub(crate) fn set(&self, address: SocketAddr, standing: Standing) {
        self.replace(|standings| {
            if let Some(known) = standings.get_mut(&address) {
                *known = standing;
            }
        });
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<Option<Standings>> {
        self.standings.subscribe()
    }

    /// Whether somebody else would take the calls of this replica.
    pub(crate) fn others_are_ready(&self, address: SocketAddr) -> bool {
        let standings = self.standings.borrow();
        let others = standings.iter().flatten().filter(|(other, _)| **other != address);
        others.into_iter().any(|(_, standing)| matches!(standing, Standing::Ready(_)))
    }

    /// Whether any replica is ready; why not otherwise.
    ///
    /// # Errors
    /// The reason, for an operator.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let standings = self.standings.borrow();
        let mut reason = "it cannot be reached";
        for standing in standings.iter().flat_map(BTreeMap::values) {
            match standing {
                Standing::Ready(_) => return Ok(()),
                Standing::Doubtful(_, doubt) => reason = doubt,
                Standing::Connecting | Standing::Away(_) => {}
            }
        }
        Err(reason)
    }

    /// A place on the replica with the fewest calls in flight or lately refused: one that is in rotation and not among
    /// `tried`, else the best that there is. While replicas are still connecting and nobody else is there, waits for them.
    ///
    /// # Errors
    /// `NotConnected` when there is no connection to any replica.
    pub(crate) async fn pick(&self, tried: &[SocketAddr]) -> Result<Call, CallError> {
        // Nearly always somebody is there, and nobody needs to be told of changes.
        if let Some(outcome) = self.try_pick(tried) {
            return outcome;
        }
        let mut changes = self.changes();
        loop {
            if let Some(outcome) = self.try_pick(tried) {
                return outcome;
            }
            if changes.changed().await.is_err() {
                return Err(CallError::NotConnected("the client was shut down"));
            }
        }
    }

    /// `None` when the next moment will tell.
    fn try_pick(&self, tried: &[SocketAddr]) -> Option<Result<Call, CallError>> {
        let standings = self.standings.borrow();
        let standings = standings.as_ref()?;
        let start = self.turn.fetch_add(1, Ordering::Relaxed) % standings.len().max(1);
        let in_turn = standings.iter().skip(start).chain(standings.iter().take(start));
        let best = in_turn
            .filter_map(|(address, standing)| match standing {
                Standing::Ready(connection) | Standing::Doubtful(connection, _) if connection.is_closed() => {
                    None
                }
                Standing::Ready(connection) => Some(((tried.contains(address), false), connection)),
                Standing::Doubtful(connection, _) => Some(((tried.contains(address), true), connection)),
                Standing::Connecting | Standing::Away(_) => None,
            })
            // A doubtful one only when nobody is ready, one that failed this call only when nobody else is.
            .min_by_key(|((tried, doubtful), connection)| (*doubtful, *tried, connection.load()));
        match best {
            Some((_, connection)) => Some(Ok(Connection::begin_call(connection))),
            None if standings.values().any(Standing::is_connecting) => None,
            None => Some(Err(CallError::NotConnected(away_reason(standings)))),
        }
    }
}

fn away_reason(standings: &Standings) -> &'static str {
    let mut reasons = standings.values().filter_map(|standing| match standing {
        Standing::Away(reason) => Some(*reason),
        _ => None,
    });
    reasons.next().unwrap_or("the host name has no address")
}

#[cfg(test)]
impl Rotation {
    /// How many replicas are in rotation.
    pub(crate) fn ready(&self) -> usize {
        let standings = self.standings.borrow();
        let ready = |standing: &&Standing| matches!(standing, Standing::Ready(_));
        standings.iter().flat_map(BTreeMap::values).filter(ready).count()
    }
}
