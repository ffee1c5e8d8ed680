//! Service discovery: resolves the host names of a service periodically.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    replica_monitor::ReplicaMonitor,
    rotation::{ReplicaState, Rotation},
    target::{Host, Target},
};

/// The pause between two resolutions of the host names.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(2);

/// The time limit for resolving a host name.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The addresses from the last successful resolution of each host, by its index.
type ResolvedAddresses = BTreeMap<usize, BTreeSet<SocketAddr>>;

/// Resolves every host periodically while the future is polled.
pub(crate) async fn discover(target: Target, mut known: KnownReplicas) {
    let mut resolved = ResolvedAddresses::new();
    loop {
        for (index, host) in target.hosts().iter().enumerate() {
            match resolve(host).await {
                Ok(addresses) => {
                    resolved.insert(index, addresses);
                }
                // Keeps the last known addresses: a failing DNS server must not make a working service unavailable.
                Err(error) => {
                    tracing::debug!(
                        target_service = known.service,
                        host = host.name,
                        %error,
                        "Host name resolution failed"
                    );
                }
            }
        }
        known.set(resolved.values().flatten().copied().collect());
        tokio::time::sleep(RESOLVE_INTERVAL).await;
    }
}

async fn resolve(host: &Host) -> io::Result<BTreeSet<SocketAddr>> {
    let lookup =
        tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host.name.as_str(), host.port)));
    let addresses: BTreeSet<_> =
        lookup.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.collect();
    if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
}

/// The replicas of one service. Each has a monitor while this value exists.
pub(crate) struct KnownReplicas {
    service: &'static str,
    grpc_service: &'static str,
    rotation: Arc<Rotation>,
    monitors: ReplicaMonitors,
}

impl KnownReplicas {
    pub(crate) fn new(service: &'static str, grpc_service: &'static str, rotation: Arc<Rotation>) -> Self {
        Self { service, grpc_service, rotation, monitors: ReplicaMonitors::default() }
    }

    /// Sets the addresses of the replicas. While none of them is ready, replicas at earlier addresses
    /// are kept if they are connected.
    pub(crate) fn set(&mut self, mut addresses: BTreeSet<SocketAddr>) {
        let Self { service, grpc_service, rotation, monitors } = self;
        addresses.extend(rotation.connected_while_none_ready(&addresses));
        rotation.update(|states| {
            states.retain(|address, _| addresses.contains(address));
            for address in &addresses {
                states.entry(*address).or_insert(ReplicaState::Connecting);
            }
        });
        monitors.update(&addresses, |address| {
            ReplicaMonitor::new(service, grpc_service, address, Arc::clone(rotation))
        });
    }
}

/// One monitor task for each replica. Dropping it aborts all of them.
#[derive(Default)]
struct ReplicaMonitors {
    tasks: JoinSet<()>,
    running: BTreeMap<SocketAddr, tokio::task::AbortHandle>,
}

impl ReplicaMonitors {
    /// Starts monitors for new addresses and stops the monitors of removed ones. Calls in flight to a removed replica
    /// continue: the replica's connection ends after the last of them.
    fn update(&mut self, addresses: &BTreeSet<SocketAddr>, monitor: impl Fn(SocketAddr) -> ReplicaMonitor) {
        self.running.retain(|address, task| {
            let is_current = addresses.contains(address);
            if !is_current {
                task.abort();
            }
            is_current
        });
        for address in addresses {
            let start = || self.tasks.spawn(monitor(*address).run());
            self.running.entry(*address).or_insert_with(start);
        }
        while self.tasks.try_join_next().is_some() {}
    }
}
