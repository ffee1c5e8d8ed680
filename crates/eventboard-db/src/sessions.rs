//! The end of sessions.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::statement::InstrumentStatement;

/// Ends all sessions of a user whose row is locked, and makes tokens without a session invalid. Returns the sessions, which the caller
/// records. Ends those that have expired, too: a refresh that is about to be committed may have extended them.
///
/// # Errors
/// When a statement fails.
pub async fn end_all_sessions(connection: &mut PgConnection, user_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query!(r#"update "User" set "tokensValidFrom" = clock_timestamp() where id = $1"#, user_id)
        .execute(&mut *connection)
        .instrumented("UPDATE User")
        .await?;
    sqlx::query_scalar!(
        r#"
        update "Session" set "revokedAt" = clock_timestamp() where "userId" = $1 and "revokedAt" is null returning id
        "#,
        user_id
    )
    .fetch_all(connection)
    .instrumented("UPDATE Session")
    .await
}

/// Ends the browser sessions of a user whose row is locked, and returns them, as [`end_all_sessions`] does.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn end_browser_sessions(
    connection: &mut PgConnection,
    user_id: Uuid,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"
        update "Session" set "revokedAt" = clock_timestamp()
        where "userId" = $1 and "revokedAt" is null and "browserSecretHash" is not null
        returning id
        "#,
        user_id
    )
    .fetch_all(connection)
    .instrumented("UPDATE Session")
    .await
}
