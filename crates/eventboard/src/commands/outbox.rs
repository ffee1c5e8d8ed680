//! `eventboard outbox`: mails that wait, were sent, or could not be sent.

use anyhow::bail;
use eventboard_db::{Actor, AsText, AuditEntry};
use eventboard_domain::{AuditEvent, MailKind, OutboxState};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::counted;
use crate::{
    cli::{DeadMails, FailedMails, ListArgs, OutboxCommand},
    database,
    output::{self, Row},
};

/// One mail.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    id: Uuid,
    kind: MailKind,
    state: OutboxState,
    /// The email address, or the id if the user was deleted. Empty if the account was not looked up yet, or there is none.
    recipient: String,
    recipient_id: Option<Uuid>,
    attempts: i32,
    last_error: Option<String>,
    correlation_id: String,
    created_at: String,
    /// When the mail is sent, or sent again. `null` if it is not.
    due_at: Option<String>,
    finished_at: Option<String>,
}

impl Row for Mail {
    const HEADINGS: &'static [&'static str] =
        &["CREATED", "STATE", "KIND", "RECIPIENT", "ATTEMPTS", "DUE", "ID", "ERROR"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.created_at.clone(),
            self.state.to_string(),
            self.kind.to_string(),
            self.recipient.clone(),
            self.attempts.to_string(),
            self.due_at.clone().unwrap_or_default(),
            self.id.to_string(),
            self.last_error.clone().unwrap_or_default(),
        ]
    }
}

/// Runs the command.
pub(crate) async fn run(command: OutboxCommand) -> anyhow::Result<()> {
    match command {
        OutboxCommand::List { state, list } => {
            let work = async |connection: &mut PgConnection| load_mails(connection, state, list).await;
            output::list(database::with_connection(work).await?, list)
        }
        OutboxCommand::Retry(selection) => retry(&selection).await,
        OutboxCommand::Discard(selection) => discard(&selection).await,
    }
}

async fn load_mails(
    connection: &mut PgConnection,
    state: Option<OutboxState>,
    list: ListArgs,
) -> anyhow::Result<Vec<Mail>> {
    let rows = sqlx::query!(
        r#"
        select mail.id, kind as "kind: AsText<MailKind>", state as "state: AsText<OutboxState>",
            coalesce("toEmail", email, "recipientId"::text, '') as "recipient!", "recipientId" as recipient_id, attempts,
            "lastError" as last_error, "correlationId" as correlation_id, mail."createdAt" as created_at,
            case when state = 'DUE' then "dueAt" end as due_at, "finishedAt" as finished_at
        from "Outbox" mail left join "User" on "User".id = "recipientId"
        where $1::text is null or state = $1
        order by mail.id desc
        limit $2
        "#,
        state.map(AsText) as _,
        list.fetch_limit(),
    )
    .fetch_all(connection)
    .await?;
    let mails = rows.into_iter().map(|row| Mail {
        id: row.id,
        kind: row.kind.0,
        state: row.state.0,
        recipient: row.recipient,
        recipient_id: row.recipient_id,
        attempts: row.attempts,
        last_error: row.last_error,
        correlation_id: row.correlation_id,
        created_at: output::timestamp(row.created_at),
        due_at: row.due_at.map(output::timestamp),
        finished_at: row.finished_at.map(output::timestamp),
    });
    Ok(mails.collect())
}

/// A mail that waits for another attempt has an error; one that is being sent has none. The latter must not become due, or it
/// would be sent twice. Its attempts go on counting, so that it becomes dead at last.
async fn retry(FailedMails { ids, dead, due }: &FailedMails) -> anyhow::Result<()> {
    let retried = change(async |transaction| {
        let retried = sqlx::query!(
            r#"
            update "Outbox" set state = 'DUE', attempts = case state when 'DEAD' then 0 else attempts end, "dueAt" = now(),
                "finishedAt" = null
            where state = 'DEAD' and ($1 or id = any($3))
                or state = 'DUE' and "lastError" is not null and "dueAt" > now() and ($2 or id = any($3))
            "#,
            *dead,
            *due,
            ids,
        );
        let mails = retried.execute(transaction).await?.rows_affected();
        Ok((mails, AuditEvent::MailsRetried { mails }))
    })
    .await?;
    if retried == 0 && !ids.is_empty() {
        bail!(
            "none of these mails is DEAD or waits for another attempt; `eventboard outbox list` shows their state"
        );
    }
    output::print(&format!("{} will be sent again.\n", counted(retried, "mail", "mails")))
}

async fn discard(DeadMails { ids, dead }: &DeadMails) -> anyhow::Result<()> {
    let discarded = change(async |transaction| {
        let discarded =
            sqlx::query!(r#"delete from "Outbox" where state = 'DEAD' and ($1 or id = any($2))"#, *dead, ids);
        let mails = discarded.execute(transaction).await?.rows_affected();
        Ok((mails, AuditEvent::MailsDiscarded { mails }))
    })
    .await?;
    if discarded == 0 && !ids.is_empty() {
        bail!("none of these mails is DEAD; `eventboard outbox list --state dead` lists those that are");
    }
    output::print(&format!("{} deleted.\n", counted(discarded, "mail", "mails")))
}

/// Changes mails, and records the change in the audit. Returns their number.
async fn change(
    change: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<(u64, AuditEvent)>,
) -> anyhow::Result<u64> {
    database::with_connection(async |connection| {
        let mut transaction = connection.begin().await?;
        let (mails, event) = change(&mut transaction).await?;
        if mails > 0 {
            let changed = AuditEntry { organization_id: None, actor: Actor::Operator, event, target: None };
            changed.record(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(mails)
    })
    .await
}
