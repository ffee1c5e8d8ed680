//! `eventboard org`: organizations, what they use of their quotas, and what their admins do.

mod delete;
mod invitations;
mod members;
mod settings;
mod transfer;

use anyhow::{Context, ensure};
use eventboard_chassis::{config, quotas::quotas_from_env};
use eventboard_db::{count_usage, lock_organization};
use eventboard_domain::{Quotas, StorageUsage};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    begin_long,
    lookup::{FoundOrganization, find_organization, no_organization},
};
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
            signup_state(self.open_signup),
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
        OrganizationCommand::Open { slug } => settings::open(&slug).await,
        OrganizationCommand::Close { slug } => settings::close(&slug).await,
        OrganizationCommand::Settings(args) => settings::run(args).await,
        OrganizationCommand::Members(args) => members::list(args).await,
        OrganizationCommand::Invite(args) => invitations::invite(args).await,
        OrganizationCommand::Invitations { slug, list } => invitations::list(&slug, list).await,
        OrganizationCommand::Uninvite { slug, id } => invitations::withdraw(&slug, id).await,
        OrganizationCommand::Transfer(args) => transfer::transfer(args).await,
        OrganizationCommand::Delete { slug, force } => delete::delete(&slug, force).await,
    }
}

/// How a table shows whether an organization is open for signup.
fn signup_state(open_signup: bool) -> String {
    if open_signup { "open" } else { "closed" }.to_owned()
}

/// Finds an organization by its slug, and locks it until the transaction ends.
///
/// # Errors
/// When there is no such organization.
async fn lock(connection: &mut PgConnection, slug: &str) -> anyhow::Result<FoundOrganization> {
    let organization = find_organization(connection, slug).await?;
    // It may have been deleted meanwhile.
    ensure!(lock_organization(connection, organization.id).await?, no_organization(slug));
    Ok(organization)
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
            Err(_) => find_organization(connection, slug_or_id).await?.id,
        };
        let found = load_organizations(connection, Some(id), 1).await?.pop();
        let organization = found.with_context(|| no_organization(slug_or_id))?;
        let mut transaction = begin_long(connection).await?;
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
