//! `eventboard org transfer`: hands the events of a member over, for example of one who leaves or has left.

use anyhow::ensure;
use eventboard_db::{Actor, record_transfer, transfer_some_events};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::{
    cli::TransferArgs,
    commands::{
        counted,
        lookup::{FoundOrganization, FoundUser, find_organization, find_user},
    },
    database, output,
};

/// Hands the events over, some in each transaction, so that nobody waits for an event for long.
pub(super) async fn transfer(args: TransferArgs) -> anyhow::Result<()> {
    let TransferArgs { slug, from, to } = args;
    let (from, to, events) = database::with_connection(async |connection| {
        let organization = find_organization(connection, &slug).await?;
        // Somebody who was deleted has no address any more.
        let (from_id, from) = match from.parse() {
            Ok(id) => (id, from),
            Err(_) => {
                let member = find_member(connection, &organization, &from).await?;
                (member.id, member.email)
            }
        };
        let to = find_member(connection, &organization, &to).await?;
        ensure!(from_id != to.id, "{} has these events already", to.email);
        let mut events = 0;
        loop {
            match transfer_some(connection, organization.id, (from_id, to.id)).await? {
                0 => break,
                some => events += some,
            }
        }
        Ok((from, to.email, events))
    })
    .await?;
    let belong = counted(events, "event now belongs", "events now belong");
    output::print(&format!("{belong} to {to} instead of {from}.\n"))
}

/// Hands some events over in one transaction. Returns how many.
async fn transfer_some(
    connection: &mut PgConnection,
    organization_id: Uuid,
    owners: (Uuid, Uuid),
) -> anyhow::Result<u64> {
    let mut transaction = connection.begin().await?;
    // Lets nobody delete the new owner until the transaction ends.
    let to = sqlx::query!(
        r#"select id from "User" where id = $1 and "organizationId" = $2 for key share"#,
        owners.1,
        organization_id,
    );
    ensure!(to.fetch_optional(&mut *transaction).await?.is_some(), "the new owner was deleted meanwhile");
    let events = transfer_some_events(&mut transaction, organization_id, owners).await?;
    record_transfer(&mut transaction, organization_id, owners, events, Actor::Operator).await?;
    transaction.commit().await?;
    Ok(events)
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
