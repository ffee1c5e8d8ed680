//! `eventboard org`: organizations, what they use of their quotas, and whether they are open for signup.

use anyhow::Context;
use eventboard_chassis::{config, quotas::quotas_from_env};
use eventboard_db::{Actor, AuditEntry, count_usage};
use eventboard_domain::{AuditEvent, AuditTarget, Changed, Quotas, StorageUsage};
use serde::Serialize;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::{
    cli::OrganizationCommand,
    database, dotenv,
    output::{self, Row},
};

/// One organization.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Organization {
    id: Uuid,
    slug: String,
    name: String,
    open_signup: bool,
    users: i64,
    created_at: String,
}

impl Row for Organization {
    const HEADINGS: &'static [&'static str] = &["SLUG", "NAME", "SIGNUP", "USERS", "ID", "CREATED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.slug.clone(),
            self.name.clone(),
            if self.open_signup { "open" } else { "closed" }.to_owned(),
            self.users.to_string(),
            self.id.to_string(),
            self.created_at.clone(),
        ]
    }
}

/// A limit of an organization, and how much of it is used.
#[derive(Debug, Serialize)]
struct Quota {
    /// What is limited.
    name: &'static str,
    used: i64,
    limit: i64,
    /// The name of the setting.
    setting: &'static str,
}

impl Row for Quota {
    const HEADINGS: &'static [&'static str] = &["QUOTA", "USED", "LIMIT", "SETTING"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), self.used.to_string(), self.limit.to_string(), self.setting.to_owned()]
    }
}

/// An organization with its quotas.
#[derive(Debug, Serialize)]
struct OrganizationDetails {
    #[serde(flatten)]
    organization: Organization,
    quotas: [Quota; 3],
}

/// Runs the command.
pub(crate) async fn run(command: OrganizationCommand) -> anyhow::Result<()> {
    match command {
        OrganizationCommand::List(list) => {
            let work = async |connection: &mut PgConnection| {
                load_organizations(connection, None, list.fetch_limit()).await
            };
            output::list(database::with_connection(work).await?, list)
        }
        OrganizationCommand::Show { organization, json } => show(&organization, json).await,
        OrganizationCommand::Open { slug } => {
            let (slug, id) = set_open_signup(&slug, true).await?;
            let text =
                format!("{slug} is open: users who sign up with organizationId {id} join it as USER.\n");
            output::print(&text)
        }
        OrganizationCommand::Close { slug } => {
            let (slug, _) = set_open_signup(&slug, false).await?;
            output::print(&format!("{slug} is closed: users cannot join it by signup.\n"))
        }
    }
}

/// The error message for a slug that does not exist.
fn not_found(slug: &str) -> String {
    format!("there is no organization {slug}; `eventboard org list` lists all organizations")
}

/// Finds an organization by its slug. A terminal may encode accents in another way than the slug does, so the slug is also
/// searched in its normal form.
///
/// # Errors
/// When there is no such organization.
pub(super) async fn find_id(connection: &mut PgConnection, slug: &str) -> anyhow::Result<Uuid> {
    let id = sqlx::query_scalar!(
        r#"select id from "Organization" where slug in ($1, $2) order by slug = $1 desc limit 1"#,
        slug,
        eventboard_domain::slug(slug),
    );
    id.fetch_optional(connection).await?.with_context(|| not_found(slug))
}

/// Loads one organization or all, sorted by slug.
async fn load_organizations(
    connection: &mut PgConnection,
    id: Option<Uuid>,
    limit: i64,
) -> anyhow::Result<Vec<Organization>> {
    let rows = sqlx::query!(
        r#"
        select id, slug, name, "openSignup" as open_signup, "createdAt" as created_at,
            (select count(*) from "User" where "organizationId" = "Organization".id) as "users!"
        from "Organization"
        where $1::uuid is null or id = $1
        order by slug
        limit $2
        "#,
        id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let organizations = rows.into_iter().map(|row| Organization {
        id: row.id,
        slug: row.slug,
        name: row.name,
        open_signup: row.open_signup,
        users: row.users,
        created_at: output::timestamp(row.created_at),
    });
    Ok(organizations.collect())
}

async fn show(slug_or_id: &str, json: bool) -> anyhow::Result<()> {
    let limits = config::read(dotenv::environment(), quotas_from_env)?;
    let details = database::with_connection(async |connection| {
        // A UUID is an id, even if it is also the slug of an organization.
        let id = match slug_or_id.parse() {
            Ok(id) => id,
            Err(_) => find_id(connection, slug_or_id).await?,
        };
        let found = load_organizations(connection, Some(id), 1).await?.pop();
        let organization = found.with_context(|| not_found(slug_or_id))?;
        let mut transaction = connection.begin().await?;
        // The role may have a short limit for the statements of the services.
        transaction.execute("set local statement_timeout = '10min'").await?;
        let usage = count_usage(&mut transaction, organization.id).await?;
        transaction.commit().await?;
        let quotas = quotas(&limits, usage, organization.users);
        Ok(OrganizationDetails { organization, quotas })
    })
    .await?;
    let text = if json {
        output::json(&details)?
    } else {
        let OrganizationDetails { organization, quotas } = details;
        format!("{}\n{}", output::table(&[organization]), output::table(&quotas))
    };
    output::print(&text)
}

fn quotas(limits: &Quotas, usage: StorageUsage, members: i64) -> [Quota; 3] {
    let Quotas { events: max_events, bytes: max_bytes, members: max_members } = *limits;
    let StorageUsage { events, bytes } = usage;
    [
        Quota { name: "events", used: events, limit: max_events, setting: "MAX_EVENTS_PER_ORGANIZATION" },
        Quota { name: "bytes", used: bytes, limit: max_bytes, setting: "MAX_BYTES_PER_ORGANIZATION" },
        Quota { name: "members", used: members, limit: max_members, setting: "MAX_MEMBERS_PER_ORGANIZATION" },
    ]
}

/// Returns the slug as stored, and the id.
async fn set_open_signup(slug: &str, open: bool) -> anyhow::Result<(String, Uuid)> {
    database::with_connection(async |connection| {
        let mut transaction = connection.begin().await?;
        let id = find_id(&mut transaction, slug).await?;
        let found = sqlx::query!(
            r#"select slug, "openSignup" as open_signup from "Organization" where id = $1 for update"#,
            id,
        );
        let found = found.fetch_optional(&mut *transaction).await?.with_context(|| not_found(slug))?;
        if found.open_signup != open {
            sqlx::query!(r#"update "Organization" set "openSignup" = $2 where id = $1"#, id, open)
                .execute(&mut *transaction)
                .await?;
            let open_signup = Changed { from: found.open_signup, to: open };
            let changed = AuditEntry {
                organization_id: Some(id),
                actor: Actor::Operator,
                event: AuditEvent::SettingsChanged { open_signup },
                target: Some(AuditTarget::organization(id)),
            };
            changed.record(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok((found.slug, id))
    })
    .await
}
