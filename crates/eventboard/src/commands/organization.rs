//! `eventboard org`: organizations and whether they are open for signup.

use anyhow::Context;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    cli::{ListArgs, OrganizationCommand},
    database,
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

/// Runs the command.
pub(crate) async fn run(command: OrganizationCommand) -> anyhow::Result<()> {
    match command {
        OrganizationCommand::List(list) => {
            let work = async |connection: &mut PgConnection| load_organizations(connection, list).await;
            output::list(database::with_connection(work).await?, list)
        }
        OrganizationCommand::Open { slug } => {
            let id = set_open_signup(&slug, true).await?;
            let text =
                format!("{slug} is open: users who sign up with organizationId {id} join it as USER.\n");
            Ok(output::print(&text)?)
        }
        OrganizationCommand::Close { slug } => {
            set_open_signup(&slug, false).await?;
            Ok(output::print(&format!("{slug} is closed: users cannot join it by signup.\n"))?)
        }
    }
}

/// The error message for a slug that does not exist.
pub(super) fn not_found(slug: &str) -> String {
    format!("there is no organization {slug}; `eventboard org list` lists all organizations")
}

async fn load_organizations(
    connection: &mut PgConnection,
    list: ListArgs,
) -> anyhow::Result<Vec<Organization>> {
    let rows = sqlx::query!(
        r#"
        select id, slug, name, "openSignup" as open_signup, "createdAt" as created_at,
            (select count(*) from "User" where "organizationId" = "Organization".id) as "users!"
        from "Organization"
        order by slug
        limit $1
        "#,
        list.fetch_limit(),
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

async fn set_open_signup(slug: &str, open: bool) -> anyhow::Result<Uuid> {
    database::with_connection(async |connection| {
        let id = sqlx::query_scalar!(
            r#"update "Organization" set "openSignup" = $2 where slug = $1 returning id"#,
            slug,
            open,
        );
        id.fetch_optional(connection).await?.with_context(|| not_found(slug))
    })
    .await
}
