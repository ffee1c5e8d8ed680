//! The replicas of one service, kept up to date in the background.

use std::sync::Arc;

use eventboard_chassis::health::Check;
use metrics::Counter;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{discovery, keeper, rotation::Rotation, target::Target};

/// The replicas of one service: found, connected to and watched in the background until this is dropped.
pub struct Replicas {
    pub(crate) service: &'static str,
    pub(crate) rotation: Arc<Rotation>,
    /// Attempts that got an answer, whatever it said, and those that got none.
    pub(crate) answered: Counter,
    pub(crate) unanswered: Counter,
    _background: DropGuard,
}

impl Replicas {
    /// Begins to look for the replicas. `service` names them in logs; `grpc_service` is the one whose gRPC health says
    /// whether a replica wants work.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn find(service: &'static str, grpc_service: &'static str, target: &Target) -> Arc<Self> {
        let (rotation, stop) = (Arc::new(Rotation::new()), CancellationToken::new());
        let discovery = discovery::discover(service, grpc_service, target.clone(), Arc::clone(&rotation));
        tokio::spawn(stop.clone().run_until_cancelled_owned(discovery));
        rotation.observe(service);
        // There from the start, also while no replica is found.
        keeper::ejections(service).increment(0);
        let attempts = |outcome| metrics::counter!("eventboard_client_attempts_total", "upstream" => service, "outcome" => outcome);
        let (answered, unanswered) = (attempts("answered"), attempts("unanswered"));
        Arc::new(Self { service, rotation, answered, unanswered, _background: stop.drop_guard() })
    }

    /// Whether any replica is there and ready.
    pub fn check(&self) -> Check {
        let rotation = Arc::clone(&self.rotation);
        Check::follow(self.service, self.rotation.changes(), move || rotation.check())
    }
}
