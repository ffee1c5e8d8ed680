//! `eventboard user sessions` and `eventboard user revoke`: where a user is logged in.

use eventboard_db::end_all_sessions;
use eventboard_domain::{AuditEvent, SessionEnd};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{VALIDATION_CACHE_SECONDS, change_user};
use crate::{
    cli::ListArgs,
    commands::lookup::find_user,
    database,
    output::{self, Row},
};

/// One session that has not ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    id: Uuid,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    address: String,
    client: Option<String>,
}

impl Row for Session {
    const HEADINGS: &'static [&'static str] = &["LAST USED", "CREATED", "EXPIRES", "ADDRESS", "ID", "CLIENT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.last_used_at.clone(),
            self.created_at.clone(),
            self.expires_at.clone(),
            self.address.clone(),
            self.id.to_string(),
            self.client.clone().unwrap_or_default(),
        ]
    }
}

/// Lists where a user is logged in.
pub(super) async fn list(email: &str, list: ListArgs) -> anyhow::Result<()> {
    let sessions =
        database::with_connection(async |connection| load_sessions(connection, email, list).await).await?;
    output::list(sessions, list)
}

async fn load_sessions(
    connection: &mut PgConnection,
    email: &str,
    list: ListArgs,
) -> anyhow::Result<Vec<Session>> {
    let user = find_user(connection, email).await?;
    let rows = sqlx::query!(
        r#"
        select id, "createdAt" as created_at, "lastUsedAt" as last_used_at, "expiresAt" as expires_at, address, client
        from "Session"
        where "userId" = $1 and "revokedAt" is null and "expiresAt" > now()
        order by "lastUsedAt" desc, id desc
        limit $2
        "#,
        user.id,
        list.fetch_limit(),
    )
    .fetch_all(connection)
    .await?;
    let sessions = rows.into_iter().map(|row| Session {
        id: row.id,
        created_at: output::timestamp(row.created_at),
        last_used_at: output::timestamp(row.last_used_at),
        expires_at: output::timestamp(row.expires_at),
        address: row.address,
        client: row.client,
    });
    Ok(sessions.collect())
}

/// Ends one session of a user, or all of them.
pub(super) async fn revoke(email: &str, session_id: Option<Uuid>) -> anyhow::Result<()> {
    let mut ended = 0;
    let email = change_user(email, async |transaction, user| {
        let events = match session_id {
            Some(session_id) => end_session(transaction, user.id, session_id).await?,
            None => end_all(transaction, user.id).await?,
        };
        ended = events.len();
        Ok(events)
    })
    .await?;
    let sessions = if ended == 1 { "1 session has ended" } else { &format!("{ended} sessions have ended") };
    let effect = match session_id {
        Some(_) => "Its tokens are refused",
        None => "The user must log in again everywhere. All tokens issued so far are refused",
    };
    output::print(&format!(
        "{email}: {sessions}. {effect}, by writes at once and by everything else within {VALIDATION_CACHE_SECONDS} \
         seconds.\n"
    ))
}

async fn end_session(
    connection: &mut PgConnection,
    user_id: Uuid,
    session_id: Uuid,
) -> anyhow::Result<Vec<AuditEvent>> {
    let ended = sqlx::query_scalar!(
        r#"
        update "Session" set "revokedAt" = clock_timestamp()
        where id = $1 and "userId" = $2 and "revokedAt" is null and "expiresAt" > now()
        returning id
        "#,
        session_id,
        user_id
    )
    .fetch_all(connection)
    .await?;
    anyhow::ensure!(
        !ended.is_empty(),
        "the user has no such session; `eventboard user sessions` lists those that have not ended"
    );
    Ok(recorded(ended))
}

/// Returns what the audit records.
pub(super) async fn end_all(connection: &mut PgConnection, user_id: Uuid) -> anyhow::Result<Vec<AuditEvent>> {
    Ok(recorded(end_all_sessions(connection, user_id).await?))
}

fn recorded(ended: Vec<Uuid>) -> Vec<AuditEvent> {
    let event = |session_id| AuditEvent::SessionRevoked { session_id, reason: SessionEnd::RevokedByOperator };
    ended.into_iter().map(event).collect()
}
