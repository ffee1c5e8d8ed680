//! Members go, and what belongs to nobody else goes along. The last member takes the organization along.

use std::{collections::HashSet, slice};

use eventboard_chassis::{account_key::AccountKeys, error::ServiceError};
use eventboard_domain::{AuditEvent, AuditTarget, HistoryAction, InvitationEnd, Role, normalize_email};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    as_text::AsText,
    audit::{Actor, AuditEntry},
    error::db_error,
    invitation::{end_invitations_of, end_invitations_to},
    members::{LockedMember, MemberWrite, lock_member, other_members, record},
    outbox::{AccountMail, Recipient},
    requested_mail::count_requested_mail,
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
    lock_against_joining(connection, organization_id).await?;
    lock_member(connection, organization_id, user_id).await
}

/// Locks what the deletion of an organization needs, in the same order. Returns whether it exists.
///
/// # Errors
/// When a statement fails.
pub async fn lock_organization_for_removal(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<bool, ServiceError> {
    sqlx::query!(
        r#"select id from "Outbox" where "organizationId" = $1 order by id for update"#,
        organization_id
    )
    .fetch_all(&mut *connection)
    .instrumented("LOCK Outbox")
    .await
    .map_err(db_error)?;
    lock_against_joining(connection, organization_id).await
}

/// Locks an organization more strongly than a change needs: nobody joins while the last member takes it along.
async fn lock_against_joining(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<bool, ServiceError> {
    let locked = sqlx::query!(r#"select id from "Organization" where id = $1 for update"#, organization_id)
        .fetch_optional(connection)
        .instrumented("LOCK Organization")
        .await
        .map_err(db_error)?;
    Ok(locked.is_some())
}

/// Deletes a member for whose removal everything is locked, and what belongs to nobody else, records that, and tells the member. The
/// events that everybody has seen stay. The last member takes the organization along. `account_keys` names the counters of the
/// account; without them, those of wrong passwords end by themselves.
///
/// # Errors
/// `LastAdmin` when nobody could administer the organization afterwards. When a statement fails.
pub async fn remove_member(
    connection: &mut PgConnection,
    member: &LockedMember,
    account_keys: Option<&AccountKeys>,
    write: MemberWrite<'_>,
) -> Result<Removal, ServiceError> {
    let (id, organization_id, email) = (&member.id, &member.organization_id, &member.email);
    let others = other_members(connection, member, write.force).await?;
    member.state().check_removal(others)?;
    if !others.exist {
        delete_organization(connection, *organization_id, account_keys, write).await?;
        return Ok(Removal::Organization);
    }
    let inviter = (*organization_id, *id);
    end_invitations_of(connection, inviter, InvitationEnd::InviterNoAdmin, write.actor).await?;
    // Otherwise, somebody who was removed could come back with it.
    end_invitations_to(connection, *organization_id, email, InvitationEnd::Withdrawn, write.actor).await?;
    delete_events(connection, *organization_id, Some(*id), write.actor).await?;
    delete_traces(connection, slice::from_ref(member), account_keys).await?;
    record(connection, member, write.actor, AuditEvent::UserDeleted {}).await?;
    tell(connection, member, account_keys, write).await?;
    sqlx::query!(r#"delete from "User" where id = $1"#, id)
        .execute(connection)
        .instrumented("DELETE User")
        .await
        .map_err(db_error)?;
    Ok(Removal::Member)
}

/// Deletes an organization for whose removal everything is locked, with its members and its events, records that, and tells the
/// members. `account_keys` are as for [`remove_member`].
///
/// # Errors
/// When a statement fails.
pub async fn delete_organization(
    connection: &mut PgConnection,
    organization_id: Uuid,
    account_keys: Option<&AccountKeys>,
    write: MemberWrite<'_>,
) -> Result<(), ServiceError> {
    let members = lock_members(connection, organization_id).await?;
    delete_events(connection, organization_id, None, write.actor).await?;
    delete_traces(connection, &members, account_keys).await?;
    for member in &members {
        record(connection, member, write.actor, AuditEvent::UserDeleted {}).await?;
        tell(connection, member, account_keys, write).await?;
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

/// Tells a member that the account was deleted. If nobody has proved that the address is theirs, its owner may be a stranger, and
/// gets no mail. That counts as a mail which somebody asked for instead, so that nobody can fill a mailbox with mails of welcome by
/// signing up with its address and deleting the account again and again.
async fn tell(
    connection: &mut PgConnection,
    member: &LockedMember,
    account_keys: Option<&AccountKeys>,
    write: MemberWrite<'_>,
) -> Result<(), ServiceError> {
    if !member.is_verified {
        if let Some(keys) = account_keys {
            count_requested_mail(connection, &keys.of(&normalize_email(&member.email))).await?;
        }
        return Ok(());
    }
    let recipient = Recipient { organization_id: member.organization_id, user_id: member.id };
    AccountMail::AccountDeleted { to: &member.email }.write(connection, recipient, write.correlation).await
}

async fn lock_members(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<Vec<LockedMember>, ServiceError> {
    sqlx::query_as!(
        LockedMember,
        r#"
        select id, "organizationId" as organization_id, email,
            coalesce("normalizedEmail", lower(email)) as "compared_email!", "emailVerifiedAt" is not null as "is_verified!",
            role::text as "role!: AsText<Role>", disabled, version
        from "User" where "organizationId" = $1 order by id for update
        "#,
        organization_id
    )
    .fetch_all(connection)
    .instrumented("LOCK User")
    .await
    .map_err(db_error)
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

/// Deletes what is left of users besides what goes with their rows: the mails to them, those that somebody asked for with their
/// addresses, the responses to their requests, and the counters of wrong passwords.
async fn delete_traces(
    connection: &mut PgConnection,
    members: &[LockedMember],
    account_keys: Option<&AccountKeys>,
) -> Result<(), ServiceError> {
    let ids: Vec<Uuid> = members.iter().map(|member| member.id).collect();
    let accounts =
        members.iter().filter_map(|member| Some(account_keys?.of(&member.compared_email).to_vec()));
    let accounts: Vec<Vec<u8>> = accounts.collect();
    sqlx::query!(r#"delete from "Outbox" where "recipientId" = any ($1)"#, &ids)
        .execute(&mut *connection)
        .instrumented("DELETE Outbox")
        .await
        .map_err(db_error)?;
    delete_typed_mails(connection, members).await?;
    sqlx::query!(r#"delete from "IdempotencyKey" where "callerId" = any ($1)"#, &ids)
        .execute(&mut *connection)
        .instrumented("DELETE IdempotencyKey")
        .await
        .map_err(db_error)?;
    sqlx::query!(
        r#"
        with of_accounts as (delete from "AccountThrottle" where account = any ($1))
        delete from "AddressThrottle" where account = any ($1)
        "#,
        &accounts
    )
    .execute(connection)
    .instrumented("DELETE throttle")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Deletes the mails that somebody asked for with any spelling of an address and that wait. notification-service has locked those
/// that it is about to send. It finds no account and forgets the address itself.
async fn delete_typed_mails(
    connection: &mut PgConnection,
    members: &[LockedMember],
) -> Result<(), ServiceError> {
    let waiting = sqlx::query!(
        r#"
        select id, "typedEmail" as "typed_email!" from "Outbox" where state = 'DUE' and "typedEmail" is not null
        "#
    )
    .fetch_all(&mut *connection)
    .instrumented("SELECT Outbox")
    .await
    .map_err(db_error)?;
    let deleted: HashSet<String> = members.iter().map(|member| normalize_email(&member.email)).collect();
    let typed = waiting.into_iter().filter(|mail| deleted.contains(&normalize_email(&mail.typed_email)));
    let ids: Vec<Uuid> = typed.map(|mail| mail.id).collect();
    sqlx::query!(
        r#"
        delete from "Outbox" where id in (select id from "Outbox" where id = any ($1) for update skip locked)
        "#,
        &ids
    )
    .execute(connection)
    .instrumented("DELETE Outbox")
    .await
    .map_err(db_error)?;
    Ok(())
}
