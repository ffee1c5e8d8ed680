//! `eventboard org transfer`: hands the events of a member over, for example of one who leaves.

use anyhow::ensure;
use eventboard_db::{Actor, transfer_events};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    cli::TransferArgs,
    commands::{
        begin_long, counted,
        lookup::{FoundOrganization, FoundUser, find_organization, find_user},
    },
    database, output,
};

/// Hands the events over in one transaction.
pub(super) async fn transfer(args: TransferArgs) -> anyhow::Result<()> {
    let TransferArgs { slug, from, to } = args;
    let (from, to, events) = database::with_connection(async |connection| {
        let mut transaction = begin_long(connection).await?;
        let organization = find_organization(&mut transaction, &slug).await?;
        let from = find_member(&mut transaction, &organization, &from).await?;
        let to = find_member(&mut transaction, &organization, &to).await?;
        ensure!(from.id != to.id, "{} has these events already", to.email);
        lock_users(&mut transaction, from.id, to.id).await?;
        let mut events = 0;
        loop {
            match transfer_events(&mut transaction, organization.id, (from.id, to.id), Actor::Operator)
                .await?
            {
                0 => break,
                some => events += some,
            }
        }
        transaction.commit().await?;
        Ok((from.email, to.email, events))
    })
    .await?;
    let belong = counted(events, "event now belongs", "events now belong");
    output::print(&format!("{belong} to {to} instead of {from}.\n"))
}

async fn find_member(
    connection: &mut PgConnection,
    organization: &FoundOrganization,
    email: &str,
) -> anyhow::Result<FoundUser> {
    let user = find_user(connection, email).await?;
    ensure!(
        user.organization_id == organization.id,
        "{} is no member of {}; `eventboard org members {}` lists its members",
        user.email,
        organization.slug,
        organization.slug
    );
    Ok(user)
}

/// Waits for somebody who deletes one of the users, and lets nobody delete them until the transaction ends.
async fn lock_users(connection: &mut PgConnection, from: Uuid, to: Uuid) -> anyhow::Result<()> {
    let locked =
        sqlx::query!(r#"select id from "User" where id in ($1, $2) order by id for key share"#, from, to);
    let locked = locked.fetch_all(connection).await?;
    ensure!(locked.len() == 2, "one of the two users was deleted meanwhile");
    Ok(())
}
