//! Removes the expired keys of all services.

use std::time::Duration;

use eventboard_chassis::{error::ServiceError, fairness::Client};
use eventboard_db::{Database, InstrumentStatement, db_error};

/// How often expired keys are removed.
const INTERVAL: Duration = Duration::from_secs(60);

/// The maximum number of keys that one statement removes. It limits the locks that the statement holds.
const BATCH_SIZE: i64 = 1000;

/// Removes expired keys immediately and then periodically. Never returns.
pub async fn sweep_expired_keys(database: Database) {
    loop {
        match sweep_all(&database).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "Idempotency: expired keys removed"),
            Err(error) => {
                tracing::warn!(%error, "Idempotency: expired keys could not be removed and will be retried");
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Removes all expired keys in batches. Returns the number of removed keys.
async fn sweep_all(database: &Database) -> Result<u64, ServiceError> {
    let mut swept = 0;
    loop {
        match sweep_batch(database).await? {
            0 => return Ok(swept),
            batch => swept += batch,
        }
    }
}

/// Removes one batch. Returns the number of removed keys. Replicas may do this concurrently, because each one skips
/// rows that another replica has locked.
async fn sweep_batch(database: &Database) -> Result<u64, ServiceError> {
    let mut lease = database.acquire(Client::Service).await?;
    let swept = sqlx::query!(
        r#"
        delete from "IdempotencyKey" where ctid = any (array(
            select ctid from "IdempotencyKey" where "expiresAt" <= now()
            limit $1 for update skip locked
        ))
        "#,
        BATCH_SIZE,
    )
    .execute(&mut *lease)
    .instrumented("SWEEP IdempotencyKey")
    .await
    .map_err(db_error)?;
    lease.release();
    Ok(swept.rows_affected())
}
