//! The outbox: mails that a service writes in the transaction of their cause, and that notification-service sends.
//!
//! events-service writes the mails about decisions itself, because these are a part of the statement that decides.

use eventboard_chassis::{correlation::CorrelationId, error::ServiceError};
use eventboard_domain::MailKind;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{as_text::AsText, error::db_error, statement::InstrumentStatement};

/// Writes the mail that welcomes a new user. Call this in the transaction that creates the user.
///
/// # Errors
/// When the statement fails.
pub async fn write_welcome(
    connection: &mut PgConnection,
    organization_id: Uuid,
    user_id: Uuid,
    correlation: &CorrelationId,
) -> Result<(), ServiceError> {
    write(connection, MailKind::Welcome, organization_id, user_id, correlation).await
}

/// Writes the mail that tells a user that their password was changed. Call this in the transaction that changes it.
///
/// # Errors
/// When the statement fails.
pub async fn write_password_changed(
    connection: &mut PgConnection,
    organization_id: Uuid,
    user_id: Uuid,
    correlation: &CorrelationId,
) -> Result<(), ServiceError> {
    write(connection, MailKind::PasswordChanged, organization_id, user_id, correlation).await
}

/// Asks for the mail with a link to reset a password. notification-service looks the account up, so that this takes the same
/// time whether or not there is one.
///
/// # Errors
/// When the statement fails.
pub async fn write_password_reset(
    connection: &mut PgConnection,
    typed_email: &str,
    correlation: &CorrelationId,
) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"insert into "Outbox" (id, kind, "correlationId", "typedEmail") values ($1, $2, $3, $4)"#,
        Uuid::now_v7(),
        AsText(MailKind::PasswordReset) as _,
        correlation.as_str(),
        typed_email,
    )
    .execute(connection)
    .instrumented("INSERT Outbox")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Writes a mail that is about its recipient only.
async fn write(
    connection: &mut PgConnection,
    kind: MailKind,
    organization_id: Uuid,
    user_id: Uuid,
    correlation: &CorrelationId,
) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"
        insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId")
        values ($1, $2, $3, $4, $5)
        "#,
        Uuid::now_v7(),
        AsText(kind) as _,
        organization_id,
        user_id,
        correlation.as_str(),
    )
    .execute(connection)
    .instrumented("INSERT Outbox")
    .await
    .map_err(db_error)?;
    Ok(())
}
