//! `eventboard idempotency`: the idempotency keys of completed writes.

use anyhow::bail;
use eventboard_db::{Actor, AuditEntry};
use eventboard_domain::{AuditEvent, AuditTarget};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::lookup::{FoundUser, find_user};
use crate::{
    cli::{ClearArgs, IdempotencyCommand, ListArgs},
    database,
    output::{self, Row},
};

/// How long a replica of events-service replays a response from the in-memory cache.
const REPLAY_CACHE_SECONDS: u32 = 60;

/// One key that has not expired.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    /// The email address, or the id if the user was deleted.
    caller: String,
    caller_id: Uuid,
    service: String,
    /// The name of the gRPC method.
    operation: String,
    key: String,
    created_at: String,
    expires_at: String,
}

impl Row for Key {
    const HEADINGS: &'static [&'static str] = &["CREATED", "EXPIRES", "CALLER", "OPERATION", "KEY"];

    fn cells(&self) -> Vec<String> {
        let operation = format!("{}/{}", self.service, self.operation);
        vec![
            self.created_at.clone(),
            self.expires_at.clone(),
            self.caller.clone(),
            operation,
            self.key.clone(),
        ]
    }
}

/// Runs the command.
pub(crate) async fn run(command: IdempotencyCommand) -> anyhow::Result<()> {
    match command {
        IdempotencyCommand::List { caller, list } => {
            let work =
                async |connection: &mut PgConnection| load_keys(connection, caller.as_deref(), list).await;
            output::list(database::with_connection(work).await?, list)
        }
        IdempotencyCommand::Clear(selection) => clear(&selection).await,
    }
}

async fn load_keys(
    connection: &mut PgConnection,
    caller: Option<&str>,
    list: ListArgs,
) -> anyhow::Result<Vec<Key>> {
    let caller_id = find_caller(connection, caller).await?.map(|caller| caller.id);
    let rows = sqlx::query!(
        r#"
        select coalesce(email, "callerId"::text) as "caller!", "callerId" as caller_id, service, operation,
            key, "IdempotencyKey"."createdAt" as created_at, "expiresAt" as expires_at
        from "IdempotencyKey" left join "User" on "User".id = "callerId"
        where "expiresAt" > now() and ($1::uuid is null or "callerId" = $1)
        order by "IdempotencyKey"."createdAt" desc, "callerId", service, operation, key
        limit $2
        "#,
        caller_id,
        list.fetch_limit(),
    )
    .fetch_all(connection)
    .await?;
    let keys = rows.into_iter().map(|row| Key {
        caller: row.caller,
        caller_id: row.caller_id,
        service: row.service,
        operation: row.operation,
        key: row.key,
        created_at: output::timestamp(row.created_at),
        expires_at: output::timestamp(row.expires_at),
    });
    Ok(keys.collect())
}

async fn clear(selection: &ClearArgs) -> anyhow::Result<()> {
    let removed = database::with_connection(async |connection| remove(connection, selection).await).await?;
    if let (0, Some(key)) = (removed, &selection.key) {
        bail!("there is no such idempotency key: {key}");
    }
    let keys = if removed == 1 { "key" } else { "keys" };
    let text = format!(
        "Removed {removed} idempotency {keys}. Replicas of events-service may replay cached responses for up to \
         another {REPLAY_CACHE_SECONDS} seconds.\n"
    );
    output::print(&text)
}

async fn remove(connection: &mut PgConnection, selection: &ClearArgs) -> anyhow::Result<u64> {
    let mut transaction = connection.begin().await?;
    let caller = find_caller(&mut transaction, selection.caller.as_deref()).await?;
    let removed = sqlx::query!(
        r#"
        delete from "IdempotencyKey"
        where ($1::text is null or key = $1) and ($2::uuid is null or "callerId" = $2)
        "#,
        selection.key,
        caller.as_ref().map(|caller| caller.id),
    );
    let keys = removed.execute(&mut *transaction).await?.rows_affected();
    if keys > 0 {
        let cleared = AuditEntry {
            organization_id: caller.as_ref().map(|caller| caller.organization_id),
            actor: Actor::Operator,
            event: AuditEvent::IdempotencyKeysCleared { keys },
            target: caller.map(|caller| AuditTarget::user(caller.id)),
        };
        cleared.record(&mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(keys)
}

/// Finds the user whose keys are listed or removed.
async fn find_caller(
    connection: &mut PgConnection,
    email: Option<&str>,
) -> anyhow::Result<Option<FoundUser>> {
    match email {
        Some(email) => find_user(connection, email).await.map(Some),
        None => Ok(None),
    }
}
