//! The SQL statements for idempotency keys. The store of a service calls these functions in the transaction of the
//! write.

use std::time::Duration;

use eventboard_chassis::error::ServiceError;
use eventboard_db::{InstrumentStatement, db_error};
use sqlx::PgConnection;

use crate::key::{ScopedKey, StoredResponse};

/// Calls a macro with the statement that claims a key, followed by the given input. The statement is passed as a
/// literal, because sqlx's macros accept only literals. A service can combine the statement with the effect of the
/// write (`with claimed as (… returning 1) …`).
///
/// The parameters are $1 caller, $2 service, $3 method, $4 key, $5 fingerprint, $6 request, $7 response and $8
/// lifetime in seconds. The statement affects one row when the key is free or expired, and no row otherwise.
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

macro_rules! claim_query {
    ($claim:literal $($value:expr),+ $(,)?) => {
        sqlx::query!($claim, $($value),+)
    };
}

/// Claims the key for this transaction. Returns the stored response when the key is already committed.
///
/// While another transaction has claimed the key, this statement waits on the unique index. When the other
/// transaction commits, its response is returned. When it rolls back, this transaction claims the key. An expired key
/// is claimed again.
///
/// # Errors
/// When the statement fails or times out.
pub async fn claim_key(
    transaction: &mut PgConnection,
    key: &ScopedKey,
) -> Result<Option<StoredResponse>, ServiceError> {
    let no_response_yet: &[u8] = &[];
    let claimed = with_claim_statement!(
        claim_query!
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
    .instrumented("CLAIM IdempotencyKey")
    .await
    .map_err(db_error)?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    load_response(transaction, key).await.map(Some)
}

/// Loads the response of a key that another transaction committed. The preceding claim has locked the row, so the row
/// exists.
///
/// # Errors
/// When the statement fails or times out.
pub async fn load_response(
    transaction: &mut PgConnection,
    key: &ScopedKey,
) -> Result<StoredResponse, ServiceError> {
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
    .instrumented("SELECT IdempotencyKey")
    .await
    .map_err(db_error)?;
    let left = Duration::try_from_secs_f64(row.seconds_left).unwrap_or_default();
    Ok(StoredResponse {
        fingerprint: row.fingerprint,
        request_id: row.request_id,
        response: row.response.into(),
        // `now()` in the statement is the start of the transaction.
        expires_at: key.received_at + left,
    })
}

/// Stores the response with a claimed key, in the transaction of the write.
///
/// # Errors
/// When the statement fails or times out.
pub async fn store_response(
    transaction: &mut PgConnection,
    key: &ScopedKey,
    response: Vec<u8>,
) -> Result<StoredResponse, ServiceError> {
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
    .instrumented("UPDATE IdempotencyKey")
    .await
    .map_err(db_error)?;
    Ok(key.to_stored(response))
}
