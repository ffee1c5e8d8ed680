//! The replicas of one service, which are discovered and monitored in the background.

use std::sync::Arc;

use eventboard_chassis::health::Check;
use metrics::Counter;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    discovery::{self, KnownReplicas},
    replica_monitor,
    rotation::Rotation,
    target::Target,
};

/// The replicas of one service. Background tasks discover, connect and monitor them until this value is dropped.
pub struct Replicas {
    pub(crate) service: &'static str,
    pub(crate) rotation: Arc<Rotation>,
    /// Attempts that got a response, whatever its status.
    pub(crate) answered: Counter,
    /// Attempts that got no response.
    pub(crate) unanswered: Counter,
    _background: DropGuard,
}

impl Replicas {
    /// Starts the discovery of the replicas. `service` is the name in logs and metrics. `grpc_service` is the name
    /// in gRPC health checks.
    ///
    /// # Panics
    /// Panics if it is called outside of a Tokio runtime.
    pub fn discover(service: &'static str, grpc_service: &'static str, target: &Target) -> Arc<Self> {
        let rotation = Arc::new(Rotation::new());
        let known = KnownReplicas::new(service, grpc_service, Arc::clone(&rotation));
        Self::start(service, rotation, discovery::discover(target.clone(), known))
    }

    /// Creates the replicas whose rotation this background task fills.
    pub(crate) fn start<F>(service: &'static str, rotation: Arc<Rotation>, discovery: F) -> Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(discovery));
        rotation.register_gauges(service);
        // Registers the counter, so that the metrics include it before any replica is found.
        replica_monitor::ejections(service).increment(0);
        let attempts = |outcome| metrics::counter!("eventboard_client_attempts_total", "upstream" => service, "outcome" => outcome);
        let (answered, unanswered) = (attempts("answered"), attempts("unanswered"));
        Arc::new(Self { service, rotation, answered, unanswered, _background: stop.drop_guard() })
    }

    /// A health check that is up while at least one replica is ready.
    pub fn check(&self) -> Check {
        let rotation = Arc::clone(&self.rotation);
        Check::on_changes(self.service, self.rotation.subscribe(), move || rotation.check())
    }
}
