//! `eventboard user`: users and their roles.

mod membership;
mod password;
mod sessions;

use anyhow::Context;
use eventboard_db::{Actor, AuditEntry};
use eventboard_domain::{AuditEvent, AuditTarget, normalize_email};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::lookup::{FoundUser, find_organization, no_user};
use crate::{
    cli::{ListArgs, UserCommand},
    database,
    output::{self, Row},
};

/// How long the gateway caches that a token's user is valid.
const VALIDATION_CACHE_SECONDS: u32 = 30;

/// One user.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Uuid,
    email: String,
    first_name: String,
    last_name: String,
    role: String,
    disabled: bool,
    organization: String,
    created_at: String,
}

impl Row for User {
    const HEADINGS: &'static [&'static str] =
        &["EMAIL", "NAME", "ROLE", "LOGIN", "ORGANIZATION", "ID", "CREATED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.email.clone(),
            format!("{} {}", self.first_name, self.last_name),
            self.role.clone(),
            if self.disabled { "disabled" } else { "enabled" }.to_owned(),
            self.organization.clone(),
            self.id.to_string(),
            self.created_at.clone(),
        ]
    }
}

/// Runs the command.
pub(crate) async fn run(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::List { org, twins, list } => {
            let work = async |connection: &mut PgConnection| {
                load_users(connection, org.as_deref(), twins, list).await
            };
            output::list(database::with_connection(work).await?, list)
        }
        UserCommand::Role { email, role, force } => membership::change_role(&email, role, force).await,
        UserCommand::Password { email } => password::set(&email).await,
        UserCommand::Verify { email } => verify(&email).await,
        UserCommand::Sessions { email, list } => sessions::list(&email, list).await,
        UserCommand::Revoke { email, session } => sessions::revoke(&email, session).await,
        UserCommand::Disable { email, force } => membership::disable(&email, force).await,
        UserCommand::Enable { email } => membership::enable(&email).await,
        UserCommand::Delete { email, force } => membership::delete(&email, force).await,
    }
}

/// In the order of the forms in which addresses are compared, so that the form of a twin, which has its id at the end, follows that of
/// the older account.
async fn load_users(
    connection: &mut PgConnection,
    slug: Option<&str>,
    only_twins: bool,
    list: ListArgs,
) -> anyhow::Result<Vec<User>> {
    let organization_id = match slug {
        Some(slug) => Some(find_organization(connection, slug).await?.id),
        None => None,
    };
    let rows = sqlx::query!(
        r#"
        with twins as (
            select twin."normalizedEmail", left(twin."normalizedEmail", -length('#' || twin.id)) as older
            from "User" twin join "User" keeper
                on coalesce(keeper."normalizedEmail", lower(keeper.email)) = left(twin."normalizedEmail", -length('#' || twin.id))
            where twin."normalizedEmail" like '%#' || twin.id
                and ($1::uuid is null or $1 in (twin."organizationId", keeper."organizationId"))
        )
        select "User".id, email, "firstName" as first_name, "lastName" as last_name, role::text as "role!",
            disabled, slug, "User"."createdAt" as created_at
        from "User" join "Organization" on "Organization".id = "organizationId"
        where case
            when $3 then coalesce("normalizedEmail", lower(email)) in (
                select "normalizedEmail" from twins union all select older from twins
            )
            else $1::uuid is null or "organizationId" = $1
        end
        order by coalesce("normalizedEmail", lower(email))
        limit $2
        "#,
        organization_id,
        list.fetch_limit(),
        only_twins,
    )
    .fetch_all(connection)
    .await?;
    let users = rows.into_iter().map(|row| User {
        id: row.id,
        email: row.email,
        first_name: row.first_name,
        last_name: row.last_name,
        role: row.role,
        disabled: row.disabled,
        organization: row.slug,
        created_at: output::timestamp(row.created_at),
    });
    Ok(users.collect())
}

/// Vouches for the address of a user who cannot prove that it is theirs, because they get no mail.
async fn verify(email: &str) -> anyhow::Result<()> {
    let email = change_user(email, async |transaction, user| {
        let verified = sqlx::query!(
            r#"update "User" set "emailVerifiedAt" = now() where id = $1 and "emailVerifiedAt" is null"#,
            user.id
        )
        .execute(transaction)
        .await?;
        Ok((verified.rows_affected() > 0).then_some(AuditEvent::EmailVerified {}).into_iter().collect())
    })
    .await?;
    output::print(&format!("The address {email} counts as verified.\n"))
}

/// Changes a user, and records what the change returns in the audit, in one transaction. Returns the email address as
/// stored.
async fn change_user(
    email: &str,
    change: impl AsyncFnOnce(&mut PgConnection, &FoundUser) -> anyhow::Result<Vec<AuditEvent>>,
) -> anyhow::Result<String> {
    database::with_connection(async |connection| {
        let mut transaction = connection.begin().await?;
        let user = sqlx::query_as!(
            FoundUser,
            r#"
            select id, "organizationId" as organization_id, email
            from "User" where id = (select id from user_with_email($1, $2)) for update
            "#,
            email,
            normalize_email(email),
        );
        let user = user.fetch_optional(&mut *transaction).await?.with_context(|| no_user(email))?;
        for event in change(&mut transaction, &user).await? {
            let changed = AuditEntry {
                organization_id: Some(user.organization_id),
                actor: Actor::Operator,
                event,
                target: Some(AuditTarget::user(user.id)),
            };
            changed.record(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(user.email)
    })
    .await
}
