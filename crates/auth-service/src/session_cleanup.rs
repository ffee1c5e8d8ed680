//! Deletes sessions that would have expired.

use std::time::Duration;

use eventboard_chassis::error::ServiceError;

use crate::store::Store;

/// How often sessions are deleted.
const DELETION_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Deletes expired sessions, immediately and then periodically. Never returns.
pub(crate) async fn delete_expired_sessions(store: Store) {
    loop {
        match delete_all(&store).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "Expired sessions deleted"),
            Err(error) => {
                tracing::warn!(%error, "Expired sessions could not be deleted and will be retried");
            }
        }
        tokio::time::sleep(DELETION_INTERVAL).await;
    }
}

async fn delete_all(store: &Store) -> Result<u64, ServiceError> {
    let mut deleted = 0;
    loop {
        match store.delete_expired_sessions().await? {
            0 => return Ok(deleted),
            batch => deleted += batch,
        }
    }
}
