//! The limit of mails that an address gets because somebody asked for them.

use eventboard_chassis::{account_key::AccountKey, error::ServiceError};
use eventboard_domain::{MAX_REQUESTED_MAILS_A_DAY, MAX_REQUESTED_MAILS_AN_HOUR};
use sqlx::PgConnection;

use crate::{error::db_error, statement::InstrumentStatement};

/// Counts a mail to an address, unless the address got too many. Returns whether the mail may be sent. Until the transaction
/// ends, other mails to the address wait.
///
/// # Errors
/// When the statement fails.
pub async fn count_requested_mail(
    connection: &mut PgConnection,
    address: &AccountKey,
) -> Result<bool, ServiceError> {
    let counted = sqlx::query!(
        r#"
        insert into "RequestedMail" as earlier (address, "sentAt", "lastSentAt") values ($1, array[now()], now())
        on conflict (address) do update set "lastSentAt" = now(),
            "sentAt" = now() || array(select at from unnest(earlier."sentAt") at where at > now() - interval '1 day')
        where (
            select count(*) < $3 and count(*) filter (where at > now() - interval '1 hour') < $2
            from unnest(earlier."sentAt") at where at > now() - interval '1 day'
        )
        "#,
        &address[..],
        MAX_REQUESTED_MAILS_AN_HOUR,
        MAX_REQUESTED_MAILS_A_DAY,
    )
    .execute(connection)
    .instrumented("COUNT RequestedMail")
    .await
    .map_err(db_error)?;
    Ok(counted.rows_affected() > 0)
}

/// Returns whether an address has not got too many mails. Counts nothing.
///
/// # Errors
/// When the statement fails.
pub async fn may_get_requested_mail(
    connection: &mut PgConnection,
    address: &AccountKey,
) -> Result<bool, ServiceError> {
    sqlx::query_scalar!(
        r#"
        select not exists (
            select from "RequestedMail"
            where address = $1 and (
                select count(*) >= $3 or count(*) filter (where at > now() - interval '1 hour') >= $2
                from unnest("sentAt") at where at > now() - interval '1 day'
            )
        ) as "may!"
        "#,
        &address[..],
        MAX_REQUESTED_MAILS_AN_HOUR,
        MAX_REQUESTED_MAILS_A_DAY,
    )
    .fetch_one(connection)
    .instrumented("SELECT RequestedMail")
    .await
    .map_err(db_error)
}
