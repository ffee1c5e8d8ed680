//! Injects a fault while clients read and write, counts every response, and compares the acknowledged writes with the
//! rows in the database.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use eventboard_e2e::load::{Load, Tally};
use tokio::time::sleep;

use crate::cluster::{Cluster, HOST};

/// The pause of a client between two requests. The 16 clients send at most 160 requests per second, which leaves CPU time
/// for a cluster on two cores.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// How long the load runs before the fault and after it.
const CALM: Duration = Duration::from_secs(3);

/// The requests that may fail because of a fault. An acknowledged write is never lost.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Allowed {
    /// At most this many requests.
    Failures(usize),
    /// The system may be unavailable for at most this time, and must say so: 503 with `Retry-After`.
    Unavailable(Duration),
}

impl Cluster {
    /// Injects a fault under load, and waits until the system is healthy again. Adds a row to the table of faults. Returns
    /// the figures.
    pub(crate) async fn under_load(
        &self,
        fault_name: &str,
        allowed: Allowed,
        fault: impl Future<Output = ()>,
    ) -> String {
        self.wait_until_settled().await;
        self.wait_until_healthy().await;
        let load = Box::pin(Load::start_behind_proxy(self.ingress, HOST, PAUSE)).await;
        sleep(CALM).await;
        let began = Instant::now();
        fault.await;
        self.wait_until_settled().await;
        self.wait_until_healthy().await;
        let seconds = began.elapsed().as_secs_f64();
        sleep(CALM).await;
        let outcome = Box::pin(load.stop()).await;
        let tally = &outcome.tally;
        let figures = format!(
            "{} | {} | {} | {} | {seconds:.0}",
            tally.requests(),
            tally.failures.len(),
            labels(tally),
            tally.longest_gap().as_millis()
        );
        self.add_measured(&format!("| {fault_name} | {figures} |"));
        let mut database = Box::pin(self.database()).await;
        Box::pin(outcome.verify(&mut database.connection)).await;
        allowed.check(tally);
        format!("{} requests, {} failed", tally.requests(), tally.failures.len())
    }
}

impl Allowed {
    fn check(self, tally: &Tally) {
        match self {
            Self::Failures(count) => {
                let share = count as f64 / tally.requests() as f64;
                tally.assert_failure_share_at_most(share);
            }
            Self::Unavailable(limit) => {
                tally.assert_only_statuses(&[503]);
                assert!(tally.longest_gap() < limit, "no request succeeded for {:?}", tally.longest_gap());
            }
        }
    }
}

/// The number of failures by status.
pub(crate) fn labels(tally: &Tally) -> String {
    let mut counts = BTreeMap::new();
    for failure in &tally.failures {
        *counts.entry(failure.label()).or_insert(0) += 1;
    }
    counts.iter().map(|(label, count)| format!("{label}: {count}")).collect::<Vec<_>>().join(", ")
}
