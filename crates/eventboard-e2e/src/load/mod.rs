//! Clients at work: a mix of requests in a closed loop, and a memory of everything that was acknowledged.

mod caller;
mod ledger;
mod tally;
mod verification;
mod worker;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use crate::{Actor, Anonymous};
use futures::future::join_all;
use tokio::task::JoinHandle;

pub use self::{
    ledger::Ledger,
    tally::{Failure, Kind, Tally},
};
use self::{tally::SharedTally, worker::Worker};

/// Clients at once.
const WORKERS: usize = 16;

/// Load that runs until it is stopped.
pub struct Load {
    workers: Vec<JoinHandle<Ledger>>,
    gateways: Vec<SocketAddr>,
    tally: SharedTally,
    stop: Arc<AtomicBool>,
}

/// What came of it.
pub struct Outcome {
    /// All requests.
    pub tally: Tally,
    /// What each client knows.
    pub ledgers: Vec<Ledger>,
    gateways: Vec<SocketAddr>,
}

impl Load {
    /// Starts clients of these gateways, each a user of an organization of its own.
    pub async fn start(gateways: Vec<SocketAddr>) -> Self {
        let anonymous = Anonymous::at(gateways[0]);
        let actors: Vec<Actor> = join_all((0..WORKERS).map(|_| anonymous.found_organization())).await;
        let (tally, stop) = (SharedTally::default(), Arc::<AtomicBool>::default());
        let workers = actors.into_iter().enumerate().map(|(number, actor)| {
            let worker = Worker::new(number, actor, gateways.clone(), tally.clone());
            tokio::spawn(worker.run(Arc::clone(&stop)))
        });
        Self { workers: workers.collect(), gateways, tally, stop }
    }

    /// Ends the load. What has an open outcome is repeated until it is answered; that no longer counts.
    pub async fn stop(self) -> Outcome {
        let ended = Instant::now();
        self.stop.store(true, Ordering::Relaxed);
        let ledgers = join_all(self.workers).await.into_iter().map(Result::unwrap).collect();
        Outcome { tally: self.tally.finish(ended), ledgers, gateways: self.gateways }
    }
}
