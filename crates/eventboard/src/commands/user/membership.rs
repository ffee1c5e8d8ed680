//! `eventboard user role`, `disable`, `enable` and `delete`: what an admin of the organization does with a member, too.

use anyhow::{Context, ensure};
use eventboard_chassis::correlation::CorrelationId;
use eventboard_db::{
    Actor, MemberWrite, Removal, change_member, lock_for_removal, lock_member, lock_organization,
    remove_member,
};
use eventboard_domain::{FORMER_MEMBER, MemberChange, Role};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::VALIDATION_CACHE_SECONDS;
use crate::{
    commands::{
        begin_long, counted, explain_refusal,
        lookup::{find_user, no_user},
    },
    database, output,
};

/// Changes the role of a user.
pub(super) async fn change_role(email: &str, role: Role, force: bool) -> anyhow::Result<()> {
    let email = change(email, MemberChange { role: Some(role), disabled: None }, force).await?;
    let text = format!(
        "{email} is {role}. Tokens with another role remain valid for up to another {VALIDATION_CACHE_SECONDS} seconds; \
         then the client refreshes them, or the user must log in again. Another role ends sessions in a browser.\n"
    );
    output::print(&text)
}

/// Disables a user.
pub(super) async fn disable(email: &str, force: bool) -> anyhow::Result<()> {
    let email = change(email, MemberChange { role: None, disabled: Some(true) }, force).await?;
    let text = format!(
        "{email} is disabled and cannot log in. All sessions have ended; their tokens remain valid for up to another \
         {VALIDATION_CACHE_SECONDS} seconds. The user's events stay.\n"
    );
    output::print(&text)
}

/// Enables a user.
pub(super) async fn enable(email: &str) -> anyhow::Result<()> {
    let email = change(email, MemberChange { role: None, disabled: Some(false) }, false).await?;
    output::print(&format!("{email} is enabled and may log in.\n"))
}

/// Changes a user. Returns the email address as stored.
async fn change(email: &str, change: MemberChange, force: bool) -> anyhow::Result<String> {
    database::with_connection(async |connection| {
        let mut transaction = connection.begin().await?;
        let user = find_user(&mut transaction, email).await?;
        lock_organization(&mut transaction, user.organization_id).await?;
        // The user may have been deleted meanwhile.
        let member = lock_member(&mut transaction, user.organization_id, user.id).await?;
        let member = member.with_context(|| no_user(email))?;
        let correlation = CorrelationId::new();
        let write = MemberWrite { actor: Actor::Operator, correlation: &correlation, force };
        change_member(&mut transaction, &member, change, write).await.map_err(explain_refusal)?;
        transaction.commit().await?;
        Ok(member.email)
    })
    .await
}

/// What happened to a user who was deleted.
struct Deleted {
    /// The email address as stored.
    email: String,
    /// The slug of the organization.
    organization: String,
    removal: Removal,
    deleted_events: i64,
    kept_events: i64,
}

/// Deletes a user, and with the last member the organization.
pub(super) async fn delete(email: &str, force: bool) -> anyhow::Result<()> {
    let deleted =
        database::with_connection(async |connection| delete_member(connection, email, force).await).await?;
    let Deleted { email, organization, removal, deleted_events, kept_events } = deleted;
    let what = match removal {
        Removal::Member => format!(
            "Sessions, open invitations and {} not approved went along; {} under \"{FORMER_MEMBER}\".",
            counted(deleted_events, "event that is", "events that are"),
            counted(kept_events, "approved event stays", "approved events stay"),
        ),
        Removal::Organization => {
            format!(
                "It was the last member, so the organization {organization} and all of its events went along."
            )
        }
    };
    output::print(&format!(
        "{email} is deleted, and a mail says so. {what} Tokens remain valid for up to another \
         {VALIDATION_CACHE_SECONDS} seconds.\n"
    ))
}

async fn delete_member(connection: &mut PgConnection, email: &str, force: bool) -> anyhow::Result<Deleted> {
    let mut transaction = begin_long(connection).await?;
    let user = find_user(&mut transaction, email).await?;
    // The user may have been deleted meanwhile.
    let member = lock_for_removal(&mut transaction, user.organization_id, user.id).await?;
    let member = member.with_context(|| no_user(email))?;
    let slug = sqlx::query_scalar!(r#"select slug from "Organization" where id = $1"#, user.organization_id);
    let organization = slug.fetch_one(&mut *transaction).await?;
    let events = count_events(&mut transaction, member.id).await?;
    let correlation = CorrelationId::new();
    let write = MemberWrite { actor: Actor::Operator, correlation: &correlation, force };
    let removal = remove_member(&mut transaction, &member, None, write).await.map_err(explain_refusal)?;
    ensure!(
        force || removal == Removal::Member,
        "{} is the last member of {organization}, so the organization and all of its events would go along; use --force \
         to delete them",
        member.email
    );
    let kept_events = count_events(&mut transaction, member.id).await?;
    transaction.commit().await?;
    let deleted_events = events - kept_events;
    Ok(Deleted { email: member.email, organization, removal, deleted_events, kept_events })
}

async fn count_events(connection: &mut PgConnection, user_id: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "events!" from "Event" where "createdById" = $1"#, user_id)
        .fetch_one(connection)
        .await
}
