//! Deletes what is of no use any more: sessions that would have expired, old links and invitations, old counters of wrong passwords, and addresses
//! that are no longer known.

use std::time::Duration;

use eventboard_chassis::error::ServiceError;

use crate::store::Store;

/// How often rows are deleted.
const DELETION_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Deletes old rows, immediately and then periodically. Never returns.
pub(crate) async fn delete_old_rows(store: Store) {
    loop {
        report("Expired sessions", all_batches(|| store.delete_expired_sessions()).await);
        report("Old links", store.delete_old_links().await);
        report("Old invitations", all_batches(|| store.delete_old_invitations()).await);
        report("Old counters of wrong passwords", all_batches(|| store.delete_old_throttle_rows()).await);
        tokio::time::sleep(DELETION_INTERVAL).await;
    }
}

fn report(what: &'static str, deleted: Result<u64, ServiceError>) {
    match deleted {
        Ok(0) => {}
        Ok(deleted) => tracing::info!(what, deleted, "Old rows deleted"),
        Err(error) => tracing::warn!(what, %error, "Old rows could not be deleted and will be retried"),
    }
}

/// Deletes batch after batch, until there is nothing left to delete. Returns how many rows.
async fn all_batches<F>(delete_batch: impl Fn() -> F) -> Result<u64, ServiceError>
where
    F: Future<Output = Result<u64, ServiceError>>,
{
    let mut deleted = 0;
    loop {
        match delete_batch().await? {
            0 => return Ok(deleted),
            batch => deleted += batch,
        }
    }
}
