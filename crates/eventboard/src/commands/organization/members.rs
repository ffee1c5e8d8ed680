//! `eventboard org members`: the members of an organization.

use eventboard_db::AsText;
use eventboard_domain::Role;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    cli::MembersArgs,
    commands::lookup::find_organization,
    database,
    output::{self, Row},
};

/// One member.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    id: Uuid,
    email: String,
    first_name: String,
    last_name: String,
    role: Role,
    disabled: bool,
    /// `null` if the member has not proved that the address is theirs.
    email_verified_at: Option<String>,
    created_at: String,
}

impl Row for Member {
    const HEADINGS: &'static [&'static str] = &["NAME", "EMAIL", "ADDRESS", "ROLE", "LOGIN", "ID", "CREATED"];

    fn cells(&self) -> Vec<String> {
        vec![
            format!("{} {}", self.first_name, self.last_name),
            self.email.clone(),
            if self.email_verified_at.is_some() { "verified" } else { "unverified" }.to_owned(),
            self.role.to_string(),
            if self.disabled { "disabled" } else { "enabled" }.to_owned(),
            self.id.to_string(),
            self.created_at.clone(),
        ]
    }
}

/// Lists members.
pub(super) async fn list(args: MembersArgs) -> anyhow::Result<()> {
    let members = database::with_connection(async |connection| load_members(connection, &args).await).await?;
    output::list(members, args.list)
}

/// In the order of the API. Each word of the search begins a word in the name or the address.
async fn load_members(connection: &mut PgConnection, args: &MembersArgs) -> anyhow::Result<Vec<Member>> {
    let MembersArgs { slug, role, search, disabled, list } = args;
    let words: Vec<String> =
        search.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect();
    let organization_id = find_organization(connection, slug).await?.id;
    let rows = sqlx::query!(
        r#"
        select id, email, "firstName" as first_name, "lastName" as last_name, role::text as "role!: AsText<Role>",
            disabled, "emailVerifiedAt" as email_verified_at, "createdAt" as created_at
        from "User"
        where "organizationId" = $1 and ($2::text is null or role = $2::text::"Role")
            and (disabled or not $5)
            and not exists (
                select from unnest($3::text[]) word
                where strpos(lower(' ' || "firstName" || ' ' || "lastName" || ' ' || email), lower(' ' || word)) = 0
            )
        order by lower("lastName"), lower("firstName"), id
        limit $4
        "#,
        organization_id,
        role.map(AsText) as _,
        &words,
        list.fetch_limit(),
        *disabled,
    )
    .fetch_all(connection)
    .await?;
    let members = rows.into_iter().map(|row| Member {
        id: row.id,
        email: row.email,
        first_name: row.first_name,
        last_name: row.last_name,
        role: row.role.0,
        disabled: row.disabled,
        email_verified_at: row.email_verified_at.map(output::timestamp),
        created_at: output::timestamp(row.created_at),
    });
    Ok(members.collect())
}
