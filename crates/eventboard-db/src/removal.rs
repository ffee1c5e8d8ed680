//! Members go, and what belongs to nobody else goes along. The last member takes the organization along.

use eventboard_chassis::{account_key::AccountKey, error::ServiceError};
use eventboard_domain::{
    AuditEvent, AuditTarget, HistoryAction, InvitationEnd, MailKind, MemberState, Role, normalize_email,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    as_text::AsText,
    audit::{Actor, AuditEntry},
    error::db_error,
    invitation::{end_invitations_of, end_invitations_to},
    members::{LockedMember, MemberWrite, lock_member, lock_organization, other_members, record},
    outbox::{AccountMail, Recipient},
    statement::InstrumentStatement,
};

/// What is left after a member was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The organization and its other members.
    Member,
    /// Nothing. It was the last member.
    Organization,
}

/// Locks what the removal of a member needs, in the order in which others lock it: the mails to the member, because
/// notification-service holds one of them while it waits for its recipient, the organization, and the member. Returns the member.
///
/// # Errors
/// When a statement fails.
pub async fn lock_for_removal(
    connection: &mut PgConnection,
    organization_id: Uuid,
    user_id: Uuid,
) -> Result<Option<LockedMember>, ServiceError> {
    sqlx::query!(r#"select id from "Outbox" where "recipientId" = $1 order by id for update"#, user_id)
        .fetch_all(&mut *connection)
        .instrumented("LOCK Outbox")
        .await
        .map_err(db_error)?;
    lock_organization(connection, organization_id).await?;
    lock_member(connection, organization_id, user_id).await
}

/// Deletes a member and what belongs to nobody else, records that, and tells the member. The events that everybody has seen stay.
/// The last member takes the organization along. `counters` names the member's counters of wrong passwords, if the caller can
/// name them; otherwise they end by themselves.
///
/// # Errors
/// `LastAdmin` when nobody could administer the organization afterwards. When a statement fails.
pub async fn remove_member(
    connection: &mut PgConnection,
    member: &LockedMember,
    counters: Option<&AccountKey>,
    write: MemberWrite<'_>,
) -> Result<Removal, ServiceError> {
    let LockedMember { id, organization_id, email, state, version: _ } = member;
    let others = other_members(connection, member, write.force).await?;
    state.check_removal(others)?;
    if let Some(account) = counters {
        delete_counters(connection, account).await?;
    }
    if !others.exist {
        delete_organization(connection, *organization_id, write).await?;
        return Ok(Removal::Organization);
    }
    let inviter = (*organization_id, *id);
    end_invitations_of(connection, inviter, InvitationEnd::InviterLeft, write.actor).await?;
    // Otherwise, somebody who was removed could come back with it.
    end_invitations_to(connection, *organization_id, email, InvitationEnd::Withdrawn, write.actor).await?;
    delete_events(connection, *organization_id, Some(*id), write.actor).await?;
    delete_mails_and_keys(connection, *id, email).await?;
    record(connection, member, write.actor, AuditEvent::UserDeleted {}).await?;
    let recipient = Recipient { organization_id: *organization_id, user_id: *id };
    AccountMail::AccountDeleted { to: email }.write(connection, recipient, write.correlation).await?;
    sqlx::query!(r#"delete from "User" where id = $1"#, id)
        .execute(connection)
        .instrumented("DELETE User")
        .await
        .map_err(db_error)?;
    Ok(Removal::Member)
}

/// Deletes an organization that is locked, with its members and its events, records that, and tells the members.
///
/// # Errors
/// When a statement fails.
pub async fn delete_organization(
    connection: &mut PgConnection,
    organization_id: Uuid,
    write: MemberWrite<'_>,
) -> Result<(), ServiceError> {
    lock_members(connection, organization_id).await?;
    delete_events(connection, organization_id, None, write.actor).await?;
    for member in load_members(connection, organization_id).await? {
        delete_mails_and_keys(connection, member.id, &member.email).await?;
        record(connection, &member, write.actor, AuditEvent::UserDeleted {}).await?;
        let recipient = Recipient { organization_id, user_id: member.id };
        AccountMail::AccountDeleted { to: &member.email }
            .write(connection, recipient, write.correlation)
            .await?;
    }
    for statement in [
        r#"delete from "Outbox" where "organizationId" = $1 and kind = 'INVITATION'"#,
        r#"delete from "User" where "organizationId" = $1"#,
        r#"delete from "Organization" where id = $1"#,
    ] {
        sqlx::query(statement)
            .bind(organization_id)
            .execute(&mut *connection)
            .instrumented("DELETE Organization")
            .await
            .map_err(db_error)?;
    }
    let deleted = AuditEntry {
        organization_id: Some(organization_id),
        actor: write.actor,
        event: AuditEvent::OrganizationDeleted {},
        target: Some(AuditTarget::organization(organization_id)),
    };
    deleted.record(connection).await.map_err(db_error)
}

async fn lock_members(connection: &mut PgConnection, organization_id: Uuid) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"select id from "User" where "organizationId" = $1 order by id for update"#,
        organization_id
    )
    .fetch_all(connection)
    .instrumented("LOCK User")
    .await
    .map_err(db_error)?;
    Ok(())
}

async fn load_members(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<Vec<LockedMember>, ServiceError> {
    let rows = sqlx::query!(
        r#"
        select id, email, role::text as "role!: AsText<Role>", disabled, version
        from "User" where "organizationId" = $1
        "#,
        organization_id
    )
    .fetch_all(connection)
    .instrumented("SELECT members")
    .await
    .map_err(db_error)?;
    let members = rows.into_iter().map(|row| LockedMember {
        id: row.id,
        organization_id,
        email: row.email,
        state: MemberState { role: row.role.0, disabled: row.disabled },
        version: row.version,
    });
    Ok(members.collect())
}

/// Deletes the events of a user that not everybody has seen, or all events of the organization, and keeps their history. What the
/// operator deletes counts as deleted by the owner, because the history names users only.
async fn delete_events(
    connection: &mut PgConnection,
    organization_id: Uuid,
    owner: Option<Uuid>,
    actor: Actor<'_>,
) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"
        with gone as (
            delete from "Event"
            where "organizationId" = $1
                and ($2::uuid is null or "createdById" = $2 and status in ('DRAFT', 'SUBMITTED', 'REJECTED'))
            returning id, "organizationId", "createdById", status
        )
        insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus")
        select id, "organizationId", coalesce($3, "createdById"), $4, status from gone
        "#,
        organization_id,
        owner,
        actor.user_id(),
        AsText(HistoryAction::Delete) as _,
    )
    .execute(connection)
    .instrumented("DELETE Event")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Deletes the mails to a user, those that somebody asked for with the user's address, and the responses to the user's requests.
async fn delete_mails_and_keys(
    connection: &mut PgConnection,
    user_id: Uuid,
    email: &str,
) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"delete from "Outbox" where "recipientId" = $1 and kind <> $2"#,
        user_id,
        AsText(MailKind::AccountDeleted) as _,
    )
    .execute(&mut *connection)
    .instrumented("DELETE Outbox")
    .await
    .map_err(db_error)?;
    delete_typed_mails(connection, email).await?;
    sqlx::query!(r#"delete from "IdempotencyKey" where "callerId" = $1"#, user_id)
        .execute(connection)
        .instrumented("DELETE IdempotencyKey")
        .await
        .map_err(db_error)?;
    Ok(())
}

/// Deletes the mails that somebody asked for with any spelling of an address and that wait. notification-service has locked those
/// that it is about to send. It finds no account and forgets the address itself.
async fn delete_typed_mails(connection: &mut PgConnection, email: &str) -> Result<(), ServiceError> {
    let waiting = sqlx::query!(
        r#"
        select id, "typedEmail" as "typed_email!" from "Outbox"
        where state = 'DUE' and "typedEmail" is not null for update skip locked
        "#
    )
    .fetch_all(&mut *connection)
    .instrumented("LOCK Outbox")
    .await
    .map_err(db_error)?;
    let compared = normalize_email(email);
    let of_user = waiting.into_iter().filter(|mail| normalize_email(&mail.typed_email) == compared);
    let ids: Vec<Uuid> = of_user.map(|mail| mail.id).collect();
    sqlx::query!(r#"delete from "Outbox" where id = any ($1)"#, &ids)
        .execute(connection)
        .instrumented("DELETE Outbox")
        .await
        .map_err(db_error)?;
    Ok(())
}

async fn delete_counters(connection: &mut PgConnection, account: &AccountKey) -> Result<(), ServiceError> {
    for statement in [
        r#"delete from "AccountThrottle" where account = $1"#,
        r#"delete from "AddressThrottle" where account = $1"#,
    ] {
        sqlx::query(statement)
            .bind(&account[..])
            .execute(&mut *connection)
            .instrumented("DELETE throttle")
            .await
            .map_err(db_error)?;
    }
    Ok(())
}
