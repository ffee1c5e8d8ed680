//! Keys in PostgreSQL. A service's store calls this inside the transaction of the write.

use std::time::{Duration, Instant};

use eventboard_chassis::error::ServiceError;
use eventboard_db::{Named, db_error};
use sqlx::PgConnection;

use crate::key::{Key, Stored};

/// Hands the statement that claims a key to another macro, before its own input: the macros of sqlx take literals only.
/// With it a service can write the key and an effect in one statement (`with claimed as (… returning 1) …`).
///
/// The parameters are $1 caller, $2 service, $3 method, $4 key, $5 fingerprint, $6 request, $7 response and $8 lifetime
/// in seconds. It takes a key that is free or has expired, and otherwise no row.
#[macro_export]
macro_rules! with_claim_statement {
    ($macro:ident! $($input:tt)*) => {
        $macro! {
            r#"
            insert into "IdempotencyKey"
                ("callerId", service, operation, key, fingerprint, "requestId", response, "expiresAt")
            values ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 second')
            on conflict on constraint idempotency_key_pkey do update
            set fingerprint = excluded.fingerprint, "requestId" = excluded."requestId",
                response = excluded.response, "createdAt" = excluded."createdAt", "expiresAt" = excluded."expiresAt"
            where "IdempotencyKey"."expiresAt" <= now()
            "#
            $($input)*
        }
    };
}

macro_rules! statement {
    ($claim:literal $($value:expr),+ $(,)?) => {
        sqlx::query!($claim, $($value),+)
    };
}

/// Takes the key for this transaction, or finds the response that it stands for.
///
/// While another transaction holds the key, PostgreSQL lets this one wait on the unique index; when
/// that one commits its response is found, and when it rolls back the key is free. An expired key is taken over.
///
/// # Errors
/// When the database cannot do it in time.
pub async fn claim(transaction: &mut PgConnection, key: &Key) -> Result<Option<Stored>, ServiceError> {
    let no_response_yet: &[u8] = &[];
    let claimed = with_claim_statement!(
        statement!
        key.caller_id,
        key.operation.service,
        key.operation.method,
        key.key,
        &key.fingerprint[..],
        key.request_id,
        no_response_yet,
        key.lifetime.as_secs_f64(),
    )
    .execute(&mut *transaction)
    .named("CLAIM IdempotencyKey")
    .await
    .map_err(db_error)?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    stored(transaction, key).await.map(Some)
}

/// The response of a key that another transaction has committed. The claim that found it taken locked it for this
/// transaction, so it is there.
///
/// # Errors
/// When the database cannot do it in time.
pub async fn stored(transaction: &mut PgConnection, key: &Key) -> Result<Stored, ServiceError> {
    let row = sqlx::query!(
        r#"
        select fingerprint, "requestId" as request_id, response,
            extract(epoch from "expiresAt" - now())::float8 as "seconds_left!"
        from "IdempotencyKey" where "callerId" = $1 and service = $2 and operation = $3 and key = $4
        "#,
        key.caller_id,
        key.operation.service,
        key.operation.method,
        key.key,
    )
    .fetch_one(transaction)
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
///
/// # Errors
/// When the database cannot do it in time.
pub async fn answer(
    transaction: &mut PgConnection,
    key: &Key,
    response: Vec<u8>,
) -> Result<Stored, ServiceError> {
    sqlx::query!(
        r#"
        update "IdempotencyKey" set response = $5
        where "callerId" = $1 and service = $2 and operation = $3 and key = $4
        "#,
        key.caller_id,
        key.operation.service,
        key.operation.method,
        key.key,
        response,
    )
    .execute(transaction)
    .named("UPDATE IdempotencyKey")
    .await
    .map_err(db_error)?;
    Ok(key.stored(response))
}
