//! Folds the texts of events that replicas of the version before have written.

use std::time::Duration;

use eventboard_chassis::{error::ServiceError, fairness::Client};
use eventboard_db::{Database, FoldedBatch, FoldingPass, db_error};

/// How often events are folded. If there are none, an index says so.
const INTERVAL: Duration = Duration::from_secs(10);

/// Folds events immediately and then periodically. Never returns.
pub(crate) async fn fold_events(database: Database) {
    loop {
        match fold_all(&database).await {
            Ok(0) => {}
            Ok(folded) => tracing::info!(folded, "Texts of the previous version folded"),
            Err(error) => {
                tracing::warn!(%error, "Texts of the previous version could not be folded and will be retried");
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Folds all events in batches, except those that are locked at the moment. Returns the number of folded events.
async fn fold_all(database: &Database) -> Result<u64, ServiceError> {
    let (mut pass, mut folded) = (FoldingPass::begin(), 0);
    loop {
        let mut lease = database.acquire(Client::Service).await?;
        let batch = pass.fold_batch(&mut lease).await.map_err(db_error)?;
        lease.release();
        match batch {
            FoldedBatch::Folded(of_batch) => folded += of_batch,
            FoldedBatch::End => return Ok(folded),
        }
    }
}
