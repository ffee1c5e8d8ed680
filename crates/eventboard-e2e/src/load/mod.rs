//! Generates load: clients that send a mix of requests in a closed loop and remember all acknowledged writes.

mod client;
mod ledger;
mod tally;
mod verification;
mod worker;

use std::{
    mem,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{Actor, Anonymous};
use futures::{StreamExt, future::join_all, stream};
use tokio::task::JoinHandle;

pub use self::{
    ledger::Ledger,
    tally::{Failure, Kind, Tally},
};
use self::{tally::SharedTally, worker::Worker};

/// The number of concurrent clients.
const WORKERS: usize = 16;

/// The pause of a client between two requests. It leaves CPU time for the system itself.
const PAUSE: Duration = Duration::from_millis(8);

/// Load that runs until it is stopped.
pub struct Load {
    workers: Vec<JoinHandle<Ledger>>,
    tally: SharedTally,
    stop: Arc<AtomicBool>,
}

/// The outcome of the load.
pub struct Outcome {
    /// The results of all requests.
    pub tally: Tally,
    /// The writes of each client.
    pub ledgers: Vec<Ledger>,
}

impl Load {
    /// Starts clients for these gateways. Each client is a user in a separate organization.
    pub async fn start(gateways: Vec<SocketAddr>) -> Self {
        Self::start_with(&Anonymous::at(gateways[0]), gateways, PAUSE).await
    }

    /// Starts clients for a proxy, which finds the gateways by this host name. Each client sends at most one request in
    /// each pause.
    pub async fn start_behind_proxy(proxy: SocketAddr, host: &str, pause: Duration) -> Self {
        Self::start_with(&Anonymous::behind_proxy(proxy, host), vec![proxy], pause).await
    }

    async fn start_with(anonymous: &Anonymous, gateways: Vec<SocketAddr>, pause: Duration) -> Self {
        // One after the other, because all at once are a load that nobody counts.
        let actors: Vec<Actor> = stream::iter(0..WORKERS).then(|_| anonymous.sign_up_admin()).collect().await;
        let (tally, stop) = (SharedTally::default(), Arc::<AtomicBool>::default());
        let workers = actors.into_iter().enumerate().map(|(number, actor)| {
            let worker = Worker::new(number, actor, gateways.clone(), tally.clone(), pause);
            tokio::spawn(worker.run(Arc::clone(&stop)))
        });
        Self { workers: workers.collect(), tally, stop }
    }

    /// Stops the load. Writes with an idempotency key and an unknown outcome are repeated until they succeed. These
    /// repetitions are not counted.
    pub async fn stop(mut self) -> Outcome {
        let ended = Instant::now();
        self.stop.store(true, Ordering::Relaxed);
        let ledgers = join_all(mem::take(&mut self.workers)).await.into_iter().map(Result::unwrap).collect();
        Outcome { tally: self.tally.finish(ended), ledgers }
    }
}

/// Load whose test has failed also ends.
impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
