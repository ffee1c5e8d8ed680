//! A replica drains before the client knows its successor.

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::{discovery::KnownReplicas, rotation::Rotation};

/// Replicas whose addresses the test sets, as DNS would.
struct Discovered {
    replicas: Arc<Replicas>,
    addresses: UnboundedSender<Vec<SocketAddr>>,
}

impl Discovered {
    fn new() -> Self {
        let (addresses, mut changes) = unbounded_channel::<Vec<SocketAddr>>();
        let rotation = Arc::new(Rotation::new());
        let mut known = KnownReplicas::new("test", GRPC_SERVICE, Arc::clone(&rotation));
        let discovery = async move {
            while let Some(addresses) = changes.recv().await {
                known.set(addresses.into_iter().collect());
            }
        };
        Self { replicas: Replicas::start("test", rotation, discovery), addresses }
    }

    fn set(&self, addresses: &[SocketAddr]) {
        self.addresses.send(addresses.to_vec()).unwrap();
    }

    async fn wait_until_ready(&self, count: usize) {
        wait_until_ready(&self.replicas, count).await;
    }

    /// Makes calls. Returns how many of them each replica responded to. Calls that must not be repeated do not fail.
    async fn count_responses(&self, calls: usize) -> HashMap<SocketAddr, usize> {
        count_responses(&self.replicas, calls).await
    }
}

/// Reports NOT_SERVING, and waits until the client knows it.
async fn start_draining(replica: &Replica, discovered: &Discovered) {
    replica.health.set_service_status(GRPC_SERVICE, ServingStatus::NotServing).await;
    discovered.wait_until_ready(0).await;
}

#[tokio::test]
async fn no_call_fails_when_the_successor_of_a_draining_replica_is_found_later() {
    let (old, discovered) = (Replica::start().await, Discovered::new());
    discovered.set(&[old.address]);
    discovered.wait_until_ready(1).await;
    start_draining(&old, &discovered).await;
    assert_eq!(discovered.count_responses(20).await, HashMap::from([(old.address, 20)]));

    let successor = Replica::start().await;
    discovered.set(&[successor.address]);
    assert_eq!(discovered.count_responses(20).await.values().sum::<usize>(), 20);
    discovered.wait_until_ready(1).await;
    discovered.set(&[successor.address]);
    assert_eq!(discovered.count_responses(20).await, HashMap::from([(successor.address, 20)]));
}

#[tokio::test]
async fn a_replica_that_dns_no_longer_names_gets_calls_until_another_one_is_ready() {
    let (old, discovered) = (Replica::start().await, Discovered::new());
    discovered.set(&[old.address]);
    discovered.wait_until_ready(1).await;
    start_draining(&old, &discovered).await;

    let (unused_address, listener) = unresponsive_address().await;
    drop(listener);
    for _ in 0..3 {
        discovered.set(&[unused_address]);
        assert_eq!(discovered.count_responses(10).await, HashMap::from([(old.address, 10)]));
    }
    let successor = Replica::start_at(unused_address).await;
    discovered.wait_until_ready(1).await;
    discovered.set(&[successor.address]);
    assert_eq!(discovered.count_responses(10).await, HashMap::from([(successor.address, 10)]));
    assert!(!discovered.replicas.rotation.has_other_ready(successor.address));
}

#[tokio::test]
async fn a_replica_that_dns_no_longer_names_is_dropped_when_its_connection_ends() {
    let (old, discovered) = (Replica::start().await, Discovered::new());
    discovered.set(&[old.address]);
    discovered.wait_until_ready(1).await;
    let (unused_address, listener) = unresponsive_address().await;
    drop(listener);
    discovered.set(&[unused_address]);
    drop(old);
    discovered.wait_until_ready(0).await;
    discovered.set(&[unused_address]);
    let is_forgotten = || discovered.replicas.rotation.addresses() == [unused_address];
    wait_until("the old address is forgotten", is_forgotten).await;
}
