//! `eventboard event`: the history of events.

use anyhow::ensure;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    cli::{EventCommand, ListArgs},
    database,
    output::{self, Row},
};

/// One entry of an event's history.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HistoryEntry {
    at: String,
    /// The email address, or the id if the user was deleted.
    actor: String,
    actor_id: Uuid,
    action: String,
    from_status: Option<String>,
    to_status: Option<String>,
    reason: Option<String>,
}

impl Row for HistoryEntry {
    const HEADINGS: &'static [&'static str] = &["AT", "WHO", "ACTION", "FROM", "TO", "REASON"];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.at.clone(),
            self.actor.clone(),
            self.action.clone(),
            or_dash(&self.from_status),
            or_dash(&self.to_status),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

/// Runs the command.
pub(crate) async fn run(command: EventCommand) -> anyhow::Result<()> {
    let EventCommand::History { id, list } = command;
    let work = async |connection: &mut PgConnection| load_history(connection, id, list).await;
    let entries = database::with_connection(work).await?;
    ensure!(!entries.is_empty(), "no event {id} has ever existed");
    output::list(entries, list)
}

async fn load_history(
    connection: &mut PgConnection,
    id: Uuid,
    list: ListArgs,
) -> anyhow::Result<Vec<HistoryEntry>> {
    let rows = sqlx::query!(
        r#"
        select history.at, coalesce(actor.email, history."actorId"::text) as "actor!",
            history."actorId" as actor_id, history.action, history."fromStatus"::text as from_status,
            history."toStatus"::text as to_status, history.reason
        from "EventHistory" history
        left join "User" actor on actor.id = history."actorId"
        where history."eventId" = $1
        order by history.id
        limit $2
        "#,
        id,
        list.fetch_limit(),
    )
    .fetch_all(connection)
    .await?;
    let entries = rows.into_iter().map(|row| HistoryEntry {
        at: output::timestamp(row.at),
        actor: row.actor,
        actor_id: row.actor_id,
        action: row.action,
        from_status: row.from_status,
        to_status: row.to_status,
        reason: row.reason,
    });
    Ok(entries.collect())
}
