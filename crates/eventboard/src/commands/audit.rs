//! `eventboard audit`: who did what, besides what happened to events.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::lookup::find_organization;
use crate::{
    cli::AuditArgs,
    database,
    output::{self, Row},
};

/// One entry of the audit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    at: String,
    /// The slug, or the id if the organization was deleted.
    organization: Option<String>,
    /// The email address, or the id if the user was deleted.
    actor: Option<String>,
    actor_id: Option<Uuid>,
    action: String,
    /// The email address or the slug, or the id of what was deleted.
    target: Option<String>,
    target_type: Option<String>,
    target_id: Option<Uuid>,
    address: Option<String>,
    client: Option<String>,
    correlation_id: Option<String>,
    details: Value,
}

impl Row for Entry {
    const HEADINGS: &'static [&'static str] =
        &["AT", "ORGANIZATION", "WHO", "ACTION", "TARGET", "FROM", "CLIENT", "DETAILS"];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.at.clone(),
            or_dash(&self.organization),
            or_dash(&self.actor),
            self.action.clone(),
            or_dash(&self.target),
            or_dash(&self.address),
            or_dash(&self.client),
            self.details.to_string(),
        ]
    }
}

/// Runs the command.
pub(crate) async fn run(args: AuditArgs) -> anyhow::Result<()> {
    let AuditArgs { organization, list } = args;
    let work = async |connection: &mut PgConnection| {
        let organization_id = match &organization {
            Some(slug) => Some(find_organization(connection, slug).await?.id),
            None => None,
        };
        load_entries(connection, organization_id, list.fetch_limit()).await
    };
    output::list(database::with_connection(work).await?, list)
}

async fn load_entries(
    connection: &mut PgConnection,
    organization_id: Option<Uuid>,
    limit: i64,
) -> anyhow::Result<Vec<Entry>> {
    let rows = sqlx::query!(
        r#"
        select entry.at, coalesce(organization.slug, entry."organizationId"::text) as organization,
            coalesce(actor.email, entry."actorId"::text) as actor, entry."actorId" as actor_id,
            entry.action,
            coalesce(target_user.email, target_organization.slug, entry."targetId"::text) as target,
            entry."targetType" as target_type, entry."targetId" as target_id,
            entry.address, entry.client, entry."correlationId" as correlation_id, entry.details
        from "AuditEntry" entry
        left join "Organization" organization on organization.id = entry."organizationId"
        left join "User" actor on actor.id = entry."actorId"
        left join "User" target_user on target_user.id = entry."targetId"
        left join "Organization" target_organization on target_organization.id = entry."targetId"
        where $1::uuid is null or entry."organizationId" = $1
        order by entry.at desc, entry.id desc
        limit $2
        "#,
        organization_id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let entries = rows.into_iter().map(|row| Entry {
        at: output::timestamp(row.at),
        organization: row.organization,
        actor: row.actor,
        actor_id: row.actor_id,
        action: row.action,
        target: row.target,
        target_type: row.target_type,
        target_id: row.target_id,
        address: row.address,
        client: row.client,
        correlation_id: row.correlation_id,
        details: row.details,
    });
    Ok(entries.collect())
}
