//! Deletes old entries of the audit.

use std::time::Duration;

use eventboard_chassis::{error::ServiceError, fairness::Client};

use crate::{error::db_error, pool::Database, statement::InstrumentStatement};

/// How often old entries are deleted.
const DELETION_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The maximum number of entries that one statement deletes. It limits how long the statement takes.
const DELETION_BATCH: i32 = 1_000;

/// Deletes entries that are older than the retention, immediately and then periodically. Never returns.
pub async fn delete_old_audit_entries(database: Database, retention: Duration) {
    loop {
        match delete_all(&database, retention).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "Old audit entries deleted"),
            Err(error) => {
                tracing::warn!(%error, "Old audit entries could not be deleted and will be retried");
            }
        }
        tokio::time::sleep(DELETION_INTERVAL).await;
    }
}

async fn delete_all(database: &Database, retention: Duration) -> Result<i64, ServiceError> {
    let seconds = retention.as_secs_f64();
    let mut deleted = 0;
    loop {
        let mut lease = database.acquire(Client::Service).await?;
        let batch = sqlx::query_scalar!(
            r#"select delete_old_audit_entries(make_interval(secs => $1), $2) as "deleted!""#,
            seconds,
            DELETION_BATCH
        )
        .fetch_one(&mut *lease)
        .instrumented("DELETE AuditEntry")
        .await
        .map_err(db_error)?;
        lease.release();
        if batch == 0 {
            return Ok(deleted);
        }
        deleted += i64::from(batch);
    }
}
