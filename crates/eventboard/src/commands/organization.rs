//! `eventboard org`: organizations, and who may join them.

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
            let work = async |connection: &mut PgConnection| organizations(connection, list).await;
            output::list(database::with_connection(work).await?, list)
        }
        OrganizationCommand::Open { slug } => {
            let id = change(&slug, true).await?;
            let text =
                format!("{slug} is open: whoever signs up with organizationId {id} joins it as USER.\n");
            Ok(output::print(&text)?)
        }
        OrganizationCommand::Close { slug } => {
            change(&slug, false).await?;
            Ok(output::print(&format!("{slug} is closed: nobody joins it by signing up.\n"))?)
        }
    }
}

/// What an operator is told of a slug that does not exist.
pub(super) fn unknown(slug: &str) -> String {
    format!("there is no organization {slug}; `eventboard org list` shows all")
}

async fn organizations(connection: &mut PgConnection, list: ListArgs) -> anyhow::Result<Vec<Organization>> {
    let rows = sqlx::query!(
        r#"
        select id, slug, name, "openSignup" as open_signup, "createdAt" as created_at,
            (select count(*) from "User" where "organizationId" = "Organization".id) as "users!"
        from "Organization"
        order by slug
        limit $1
        "#,
        list.fetch(),
    )
    .fetch_all(connection)
    .await?;
    let organization = rows.into_iter().map(|row| Organization {
        id: row.id,
        slug: row.slug,
        name: row.name,
        open_signup: row.open_signup,
        users: row.users,
        created_at: output::moment(row.created_at),
    });
    Ok(organization.collect())
}

async fn change(slug: &str, open: bool) -> anyhow::Result<Uuid> {
    database::with_connection(async |connection| {
        let id = sqlx::query_scalar!(
            r#"update "Organization" set "openSignup" = $2 where slug = $1 returning id"#,
            slug,
            open,
        );
        id.fetch_optional(connection).await?.with_context(|| unknown(slug))
    })
    .await
}
