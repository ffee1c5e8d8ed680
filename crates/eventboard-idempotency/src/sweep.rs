//! Expired keys are removed, those of all services: whoever runs sweeps for all.

use std::time::Duration;

use eventboard_chassis::error::ServiceError;
use eventboard_db::{Database, Named, db_error};

/// How often expired keys are removed.
const INTERVAL: Duration = Duration::from_secs(60);

/// Keys removed by one statement, so that it never holds many locks.
const BATCH: i64 = 1000;

/// Removes expired keys for as long as the service runs, beginning at once.
pub async fn sweep_expired_keys(database: Database) {
    loop {
        match sweep_all(&database).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "Idempotency: expired keys removed"),
            Err(error) => {
                tracing::warn!(%error, "Idempotency: expired keys could not be removed; trying again later");
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Batch after batch, until none is left; the number removed.
async fn sweep_all(database: &Database) -> Result<u64, ServiceError> {
    let mut swept = 0;
    loop {
        match sweep_batch(database).await? {
            0 => return Ok(swept),
            batch => swept += batch,
        }
    }
}

/// Removes one batch; the number removed. Replicas sweep beside each other: none waits for rows that another one is
/// at.
async fn sweep_batch(database: &Database) -> Result<u64, ServiceError> {
    let mut lease = database.acquire().await?;
    let swept = sqlx::query!(
        r#"
        delete from "IdempotencyKey" where ctid = any (array(
            select ctid from "IdempotencyKey" where "expiresAt" <= now()
            limit $1 for update skip locked
        ))
        "#,
        BATCH,
    )
    .execute(&mut *lease)
    .named("SWEEP IdempotencyKey")
    .await
    .map_err(db_error)?;
    lease.release();
    Ok(swept.rows_affected())
}
