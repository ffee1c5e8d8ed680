//! Finds the replicas of a service, again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    keeper::Keeper,
    rotation::{Rotation, Standing},
    target::{Host, Target},
};

/// How often host names are resolved.
const INTERVAL: Duration = Duration::from_secs(2);

/// A resolver that takes longer has failed for this time.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The addresses of each host when it was last resolved with success.
type Known = BTreeMap<usize, BTreeSet<SocketAddr>>;

/// Resolves every host for as long as it is polled, and gives each address a keeper.
pub(crate) async fn discover(
    service: &'static str,
    grpc_service: &'static str,
    target: Target,
    rotation: Arc<Rotation>,
) {
    let mut known = Known::new();
    let mut keepers = Keepers::default();
    loop {
        for (index, host) in target.hosts().iter().enumerate() {
            match resolve(host).await {
                Ok(addresses) => {
                    known.insert(index, addresses);
                }
                // The last good set is kept: a failing DNS server must not take a working service away.
                Err(error) => {
                    tracing::debug!(target_service = service, host = host.name, %error, "Not resolved");
                }
            }
        }
        let found: BTreeSet<_> = known.values().flatten().copied().collect();
        rotation.replace(|standings| {
            standings.retain(|address, _| found.contains(address));
            for address in &found {
                standings.entry(*address).or_insert(Standing::Connecting);
            }
        });
        keepers.follow(&found, |address| Keeper::new(service, grpc_service, address, Arc::clone(&rotation)));
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn resolve(host: &Host) -> io::Result<BTreeSet<SocketAddr>> {
    let resolved =
        tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host.name.as_str(), host.port)));
    let addresses: BTreeSet<_> =
        resolved.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.collect();
    if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
}

/// A task for each replica; all of them end with this.
#[derive(Default)]
struct Keepers {
    tasks: JoinSet<()>,
    running: BTreeMap<SocketAddr, tokio::task::AbortHandle>,
}

impl Keepers {
    /// Starts keepers for new addresses and stops those of lost ones. What is in flight to a lost one goes on: the
    /// connection ends when nobody uses it any more.
    fn follow(&mut self, found: &BTreeSet<SocketAddr>, keeper: impl Fn(SocketAddr) -> Keeper) {
        self.running.retain(|address, task| {
            let stays = found.contains(address);
            if !stays {
                task.abort();
            }
            stays
        });
        for address in found {
            let start = || self.tasks.spawn(keeper(*address).keep());
            self.running.entry(*address).or_insert_with(start);
        }
        while self.tasks.try_join_next().is_some() {}
    }
}
