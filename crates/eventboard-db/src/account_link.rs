//! Links in mails with which a user does something once.

use eventboard_chassis::link_token::LinkSeed;
use eventboard_domain::LinkPurpose;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{as_text::AsText, statement::InstrumentStatement};

/// Makes a link. Returns its ID.
///
/// # Errors
/// When the statement fails.
pub async fn insert_link(
    connection: &mut PgConnection,
    user_id: Uuid,
    purpose: &LinkPurpose,
) -> sqlx::Result<Uuid> {
    let (link_id, seed) = (Uuid::now_v7(), rand::random::<LinkSeed>());
    sqlx::query!(
        r#"
        insert into "AccountLink" (id, "userId", kind, email, seed, "expiresAt")
        values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
        "#,
        link_id,
        user_id,
        AsText(purpose.kind()) as _,
        purpose.email(),
        &seed[..],
        purpose.lifetime().as_secs_f64(),
    )
    .execute(connection)
    .instrumented("INSERT AccountLink")
    .await?;
    Ok(link_id)
}

/// Ends all links of a user that work, and withdraws the change of their address that has not been confirmed. Returns the links.
/// Whoever calls this holds the lock of the user's row.
///
/// # Errors
/// When a statement fails.
pub async fn withdraw_links(connection: &mut PgConnection, user_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query!(
        r#"
        update "User" set "pendingEmail" = null, "pendingEmailExpiresAt" = null
        where id = $1 and "pendingEmail" is not null
        "#,
        user_id
    )
    .execute(&mut *connection)
    .instrumented("UPDATE User")
    .await?;
    sqlx::query_scalar!(
        r#"
        update "AccountLink" set "endedAt" = clock_timestamp()
        where "userId" = $1 and "endedAt" is null and "expiresAt" > now()
        returning id
        "#,
        user_id
    )
    .fetch_all(connection)
    .instrumented("UPDATE AccountLink")
    .await
}
