//! `eventboard org delete`: an organization ends.

use anyhow::ensure;
use eventboard_chassis::correlation::CorrelationId;
use eventboard_db::{Actor, MemberWrite, delete_organization, lock_organization_for_removal};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    commands::{
        begin_long, counted,
        lookup::{find_organization, no_organization},
    },
    database, output,
};

/// What is in an organization.
struct Contents {
    members: i64,
    events: i64,
}

/// Deletes an organization with its members and its events.
pub(super) async fn delete(slug: &str, force: bool) -> anyhow::Result<()> {
    let (slug, contents) = database::with_connection(async |connection| {
        let mut transaction = begin_long(connection).await?;
        let organization = find_organization(&mut transaction, slug).await?;
        let id = organization.id;
        // It may have been deleted meanwhile.
        ensure!(lock_organization_for_removal(&mut transaction, id).await?, no_organization(slug));
        let contents = count_contents(&mut transaction, id).await?;
        ensure!(
            force,
            "{} has {}, which would be deleted with it; use --force to delete them",
            organization.slug,
            describe(&contents)
        );
        let correlation = CorrelationId::new();
        let write = MemberWrite { actor: Actor::Operator, correlation: &correlation, force };
        delete_organization(&mut transaction, id, None, write).await?;
        transaction.commit().await?;
        Ok((organization.slug, contents))
    })
    .await?;
    output::print(&format!("{slug} is deleted with {}. Mails tell the members.\n", describe(&contents)))
}

async fn count_contents(connection: &mut PgConnection, organization_id: Uuid) -> sqlx::Result<Contents> {
    let contents = sqlx::query_as!(
        Contents,
        r#"
        select (select count(*) from "User" where "organizationId" = $1) as "members!",
            (select count(*) from "Event" where "organizationId" = $1) as "events!"
        "#,
        organization_id,
    );
    contents.fetch_one(connection).await
}

fn describe(Contents { members, events }: &Contents) -> String {
    format!("{} and {}", counted(*members, "member", "members"), counted(*events, "event", "events"))
}
