//! The members of an organization: what an admin, a member and the operator do with them. auth-service and the operator's
//! commands call the same functions.
//!
//! Whoever may take an ADMIN away first locks the organization, then members. So of two admins who demote each other at the same
//! instant, the second one finds out.

use eventboard_chassis::{correlation::CorrelationId, error::ServiceError};
use eventboard_domain::{
    AuditEvent, AuditTarget, InvitationEnd, MemberChange, MemberState, OtherMembers, Role, SessionEnd,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    account_link::withdraw_links,
    as_text::AsText,
    audit::{Actor, AuditEntry},
    error::db_error,
    invitation::end_invitations_of,
    outbox::{AccountMail, Recipient},
    sessions::{end_all_sessions, end_browser_sessions},
    statement::InstrumentStatement,
};

/// A member whose row is locked.
#[derive(Debug, Clone)]
pub struct LockedMember {
    /// The user.
    pub id: Uuid,
    /// The user's organization.
    pub organization_id: Uuid,
    /// The address of the account.
    pub email: String,
    /// The address in the form in which addresses are compared.
    pub compared_email: String,
    /// Whether the member has proved that the address is theirs.
    pub is_verified: bool,
    /// What the member may do.
    pub role: AsText<Role>,
    /// Whether the member cannot log in.
    pub disabled: bool,
    /// Grows with every change.
    pub version: i64,
}

impl LockedMember {
    /// What the rules about members decide on.
    pub(crate) fn state(&self) -> MemberState {
        MemberState { role: self.role.0, disabled: self.disabled }
    }
}

/// Who changes something about members, and why.
#[derive(Debug, Clone, Copy)]
pub struct MemberWrite<'a> {
    /// Who does it.
    pub actor: Actor<'a>,
    /// The request that asked for it.
    pub correlation: &'a CorrelationId,
    /// Whether the last admin may go, because the operator says so.
    pub force: bool,
}

/// Locks an organization, so that nobody else takes one of its admins away until the transaction ends. Returns whether it exists.
///
/// # Errors
/// When the statement fails.
pub async fn lock_organization(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<bool, ServiceError> {
    let locked =
        sqlx::query!(r#"select id from "Organization" where id = $1 for no key update"#, organization_id)
            .fetch_optional(connection)
            .instrumented("LOCK Organization")
            .await
            .map_err(db_error)?;
    Ok(locked.is_some())
}

/// Locks a member of the organization, which is locked already. Until the transaction ends, nothing is written in the member's name.
///
/// # Errors
/// When the statement fails.
pub async fn lock_member(
    connection: &mut PgConnection,
    organization_id: Uuid,
    user_id: Uuid,
) -> Result<Option<LockedMember>, ServiceError> {
    sqlx::query_as!(
        LockedMember,
        r#"
        select id, "organizationId" as organization_id, email,
            coalesce("normalizedEmail", lower(email)) as "compared_email!", "emailVerifiedAt" is not null as "is_verified!",
            role::text as "role!: AsText<Role>", disabled, version
        from "User" where id = $1 and "organizationId" = $2 for update
        "#,
        user_id,
        organization_id,
    )
    .fetch_optional(connection)
    .instrumented("LOCK User")
    .await
    .map_err(db_error)
}

/// Changes a member, records that, and tells the member. A member who is disabled has no sessions and no links any more, one with
/// another role has no browser sessions, and one who is no admin any more has no open invitations, so that nothing brings them back.
/// Returns whether anything is different.
///
/// # Errors
/// `LastAdmin` when nobody could administer the organization afterwards. When a statement fails.
pub async fn change_member(
    connection: &mut PgConnection,
    member: &LockedMember,
    change: MemberChange,
    write: MemberWrite<'_>,
) -> Result<bool, ServiceError> {
    let (id, organization_id, before) = (&member.id, &member.organization_id, member.state());
    let others = other_members(connection, member, write.force).await?;
    let after = before.change(change, others)?;
    if after == before {
        return Ok(false);
    }
    sqlx::query!(
        r#"update "User" set role = $2::text::"Role", disabled = $3 where id = $1"#,
        id,
        AsText(after.role) as _,
        after.disabled,
    )
    .execute(&mut *connection)
    .instrumented("UPDATE User")
    .await
    .map_err(db_error)?;
    if !after.is_enabled_admin() {
        let inviter = (*organization_id, *id);
        end_invitations_of(connection, inviter, InvitationEnd::InviterNoAdmin, write.actor).await?;
    }
    let recipient = Recipient { organization_id: *organization_id, user_id: *id };
    if after.role != before.role {
        let event = AuditEvent::RoleChanged { from: before.role, to: after.role };
        record(connection, member, write.actor, event).await?;
        let ended = end_browser_sessions(connection, *id).await.map_err(db_error)?;
        record_ended(connection, member, write.actor, ended, SessionEnd::RoleChanged).await?;
        if !after.disabled {
            AccountMail::RoleChanged.write(connection, recipient, write.correlation).await?;
        }
    }
    match (before.disabled, after.disabled) {
        (false, true) => {
            let ended = end_all_sessions(connection, *id).await.map_err(db_error)?;
            record_ended(connection, member, write.actor, ended, SessionEnd::UserDisabled).await?;
            withdraw_links(connection, *id).await.map_err(db_error)?;
            record(connection, member, write.actor, AuditEvent::UserDisabled {}).await?;
            AccountMail::UserDisabled.write(connection, recipient, write.correlation).await?;
        }
        (true, false) => record(connection, member, write.actor, AuditEvent::UserEnabled {}).await?,
        (true, true) | (false, false) => {}
    }
    Ok(true)
}

/// The number of events that one statement hands over. An event has an entry in many indexes, two of them of its words, so each
/// takes some milliseconds.
const TRANSFER_BATCH: i64 = 100;

/// Hands some events of an organization over to a member, whose row is locked. Returns how many: none if there are no more. The
/// present owner may have been deleted. Whoever calls this records the sum with [`record_transfer`].
///
/// # Errors
/// When the statement fails.
pub async fn transfer_some_events(
    connection: &mut PgConnection,
    organization_id: Uuid,
    (from, to): (Uuid, Uuid),
) -> Result<u64, ServiceError> {
    let transferred = sqlx::query!(
        r#"
        with chosen as materialized (
            select id from "Event" where "createdById" = $1 and "organizationId" = $3
            order by id limit $4 for no key update
        )
        update "Event" set "createdById" = $2, "updatedAt" = now(), version = version + 1
        from chosen where "Event".id = chosen.id
        "#,
        from,
        to,
        organization_id,
        TRANSFER_BATCH,
    )
    .execute(connection)
    .instrumented("TRANSFER Event")
    .await
    .map_err(db_error)?;
    Ok(transferred.rows_affected())
}

/// Records that events were handed over, if there were any.
///
/// # Errors
/// When the statement fails.
pub async fn record_transfer(
    connection: &mut PgConnection,
    organization_id: Uuid,
    (from, to): (Uuid, Uuid),
    events: u64,
    actor: Actor<'_>,
) -> Result<(), ServiceError> {
    if events == 0 {
        return Ok(());
    }
    let transferred = AuditEntry {
        organization_id: Some(organization_id),
        actor,
        event: AuditEvent::EventsTransferred { to, events },
        target: Some(AuditTarget::user(from)),
    };
    transferred.record(connection).await.map_err(db_error)
}

/// Looks at the other members of an organization that is locked.
pub(crate) async fn other_members(
    connection: &mut PgConnection,
    member: &LockedMember,
    force: bool,
) -> Result<OtherMembers, ServiceError> {
    let others = sqlx::query!(
        r#"
        select exists (select from "User" where "organizationId" = $1 and id <> $2) as "exist!",
            exists (
                select from "User" where "organizationId" = $1 and role = 'ADMIN' and not disabled and id <> $2
            ) as "include_admin!"
        "#,
        member.organization_id,
        member.id,
    )
    .fetch_one(connection)
    .instrumented("SELECT members")
    .await
    .map_err(db_error)?;
    Ok(OtherMembers { exist: others.exist, include_admin: others.include_admin || force })
}

async fn record_ended(
    connection: &mut PgConnection,
    member: &LockedMember,
    actor: Actor<'_>,
    sessions: Vec<Uuid>,
    reason: SessionEnd,
) -> Result<(), ServiceError> {
    for session_id in sessions {
        record(connection, member, actor, AuditEvent::SessionRevoked { session_id, reason }).await?;
    }
    Ok(())
}

pub(crate) async fn record(
    connection: &mut PgConnection,
    member: &LockedMember,
    actor: Actor<'_>,
    event: AuditEvent,
) -> Result<(), ServiceError> {
    let entry = AuditEntry {
        organization_id: Some(member.organization_id),
        actor,
        event,
        target: Some(AuditTarget::user(member.id)),
    };
    entry.record(connection).await.map_err(db_error)
}
