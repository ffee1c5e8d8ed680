//! The SQL statements for idempotency keys. The store of a service calls these functions in the transaction of the
//! write.

use std::time::Duration;

use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::Refusal;
use sqlx::PgConnection;

use crate::key::{ScopedKey, StoredResponse};

/// Calls a macro with the statement that claims a key, followed by the given input. The statement is passed as a
/// literal, because sqlx's macros accept only literals. A service can combine the statement with the effect of the
/// write (`with claimed as (… returning 1) …`).
///
/// The parameters are $1 caller, $2 the caller's organization, $3 the caller's role, $4 the session of the token, $5 when
/// a token without a session was issued, $6 service, $7 method, $8 key, $9 fingerprint, $10 request, $11 response and $12
/// lifetime in seconds. The statement affects one row when the caller
/// is current (the SQL function `current_caller`) and the key is free or expired, and no row otherwise.
#[macro_export]
macro_rules! with_claim_statement {
    ($macro:ident! $($input:tt)*) => {
        $macro! {
            r#"
            insert into "IdempotencyKey"
                ("callerId", service, operation, key, fingerprint, "requestId", response, "expiresAt")
            select id, $6, $7, $8, $9::bytea, $10::uuid, $11::bytea, now() + $12 * interval '1 second'
            from current_caller($1, $2, $3::text::"Role", $4, $5)
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
/// `Unauthenticated` when the caller's token is outdated. When the statement fails or times out.
pub async fn claim_key(
    transaction: &mut PgConnection,
    key: &ScopedKey,
) -> Result<Option<StoredResponse>, ServiceError> {
    let no_response_yet: &[u8] = &[];
    let claimed = with_claim_statement!(
        claim_query!
        key.caller.user_id,
        key.caller.organization_id,
        AsText(key.caller.role) as _,
        key.caller.session.id(),
        key.caller.session.issued_at(),
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
    // A taken key is locked by the claim, so its row exists. Without a row, the caller's token was outdated.
    Ok(Some(load_response(transaction, key).await?.ok_or(Refusal::TokenOutdated)?))
}

/// Loads the response of a key without claiming the key. Returns `None` when the key is free or expired, or when the
/// transaction that claimed it is not committed.
///
/// # Errors
/// `Unauthenticated` when the caller's token is outdated. When the statement fails or times out.
pub async fn load_response(
    connection: &mut PgConnection,
    key: &ScopedKey,
) -> Result<Option<StoredResponse>, ServiceError> {
    let row = sqlx::query!(
        r#"
        select fingerprint as "fingerprint?", "requestId" as "request_id?", response as "response?",
            extract(epoch from "expiresAt" - now())::float8 as seconds_left
        from current_caller($1, $2, $3::text::"Role", $4, $5) caller
        left join "IdempotencyKey"
            on "callerId" = caller.id and service = $6 and operation = $7 and key = $8 and "expiresAt" > now()
        "#,
        key.caller.user_id,
        key.caller.organization_id,
        AsText(key.caller.role) as _,
        key.caller.session.id(),
        key.caller.session.issued_at(),
        key.operation.service,
        key.operation.method,
        key.key,
    )
    .fetch_optional(connection)
    .instrumented("SELECT IdempotencyKey")
    .await
    .map_err(db_error)?
    .ok_or(Refusal::TokenOutdated)?;
    let (Some(fingerprint), Some(request_id), Some(response), Some(seconds_left)) =
        (row.fingerprint, row.request_id, row.response, row.seconds_left)
    else {
        return Ok(None);
    };
    let left = Duration::try_from_secs_f64(seconds_left).unwrap_or_default();
    // `now()` in the statement is the start of the transaction, which is after the call was received.
    let expires_at = key.received_at + left;
    Ok(Some(StoredResponse { fingerprint, request_id, response: response.into(), expires_at }))
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
        key.caller.user_id,
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
