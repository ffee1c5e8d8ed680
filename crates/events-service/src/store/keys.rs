//! Idempotency keys in PostgreSQL.

use std::time::{Duration, Instant};

use eventboard_chassis::error::ServiceError;
use eventboard_db::{Named, db_error};
use sqlx::{PgConnection, Postgres, Transaction};

use super::Store;
use crate::idempotency::{Key, Stored};

/// Keys removed by one statement of the sweep, so that it never holds many locks.
const SWEEP_BATCH: i64 = 1000;

/// Takes the key for this transaction, or finds the response that it stands for.
///
/// While another transaction holds the key, PostgreSQL lets this one wait on the unique index; when
/// that one commits its response is found, and when it rolls back the key is free.
pub(super) async fn claim(
    transaction: &mut Transaction<'_, Postgres>,
    key: &Key,
) -> Result<Option<Stored>, ServiceError> {
    let claimed = sqlx::query!(
        r#"
        insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
        values ($1, $2, $3, $4, $5, '', now() + $6 * interval '1 second')
        on conflict on constraint idempotency_key_pkey do update
        set fingerprint = excluded.fingerprint, "requestId" = excluded."requestId", response = excluded.response,
            "createdAt" = excluded."createdAt", "expiresAt" = excluded."expiresAt"
        where "IdempotencyKey"."expiresAt" <= now()
        "#,
        key.caller_id,
        key.method,
        key.key,
        &key.fingerprint[..],
        key.request_id,
        key.lifetime.as_secs_f64(),
    )
    .execute(&mut **transaction)
    .named("CLAIM IdempotencyKey")
    .await
    .map_err(db_error)?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    stored(transaction, key).await.map(Some)
}

/// The response of a key that another transaction has committed.
pub(super) async fn stored(connection: &mut PgConnection, key: &Key) -> Result<Stored, ServiceError> {
    let row = sqlx::query!(
        r#"
        select fingerprint, "requestId" as request_id, response,
            extract(epoch from "expiresAt" - now())::float8 as "seconds_left!"
        from "IdempotencyKey" where "callerId" = $1 and operation = $2 and key = $3
        "#,
        key.caller_id,
        key.method,
        key.key,
    )
    // It is there: the insert that found it locked it for this transaction.
    .fetch_one(connection)
    .named("SELECT IdempotencyKey")
    .await
    .map_err(db_error)?;
    let left = Duration::try_from_secs_f64(row.seconds_left).unwrap_or_default();
    Ok(Stored {
        fingerprint: row.fingerprint,
        request_id: row.request_id,
        response: row.response.into(),
        expires_at: Instant::now() + left,
    })
}

/// Puts the response to a claimed key, in the transaction of the effect.
pub(super) async fn answer(
    transaction: &mut Transaction<'_, Postgres>,
    key: &Key,
    response: Vec<u8>,
) -> Result<Stored, ServiceError> {
    sqlx::query!(
        r#"
        update "IdempotencyKey" set response = $4 where "callerId" = $1 and operation = $2 and key = $3
        "#,
        key.caller_id,
        key.method,
        key.key,
        response,
    )
    .execute(&mut **transaction)
    .named("UPDATE IdempotencyKey")
    .await
    .map_err(db_error)?;
    Ok(key.stored(response))
}

impl Store {
    /// Removes one batch of expired keys; the number removed. Replicas sweep beside each other: none
    /// waits for rows that another one is at.
    pub(crate) async fn sweep_expired_keys(&self) -> Result<u64, ServiceError> {
        let mut connection = self.database.acquire().await?;
        let swept = sqlx::query!(
            r#"
            delete from "IdempotencyKey" where ctid = any (array(
                select ctid from "IdempotencyKey" where "expiresAt" <= now()
                limit $1 for update skip locked
            ))
            "#,
            SWEEP_BATCH,
        )
        .execute(&mut *connection)
        .named("SWEEP IdempotencyKey")
        .await
        .map_err(db_error)?;
        connection.release();
        Ok(swept.rows_affected())
    }
}
