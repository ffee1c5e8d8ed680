//! Invitations to an organization.

use chrono::{DateTime, Utc};
use eventboard_chassis::{correlation::CorrelationId, error::ServiceError, link_token::LinkSeed};
use eventboard_domain::{
    AuditEvent, AuditTarget, INVITATION_LIFETIME, InvitationCounts, InvitationEnd, NewInvitation, Role,
    normalize_email,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    as_text::AsText,
    audit::{Actor, AuditEntry},
    error::db_error,
    outbox::write_invitation,
    statement::InstrumentStatement,
};

/// Invites somebody to an organization that is locked, and records that. An invitation of the same address that waits for an answer
/// is renewed: its link keeps working, because the address may get no other mail for some time. The mail tells whether the address
/// has an account, so this does not. Returns the ID of the invitation.
///
/// # Errors
/// `QuotaExceeded` when the organization has made too many. When a statement fails.
pub async fn create_invitation(
    connection: &mut PgConnection,
    organization_id: Uuid,
    invitation: &NewInvitation,
    actor: Actor<'_>,
    correlation: &CorrelationId,
) -> Result<Uuid, ServiceError> {
    let unused = find_unused_invitations(connection, organization_id, &invitation.email).await?;
    let id = match unused.into_iter().find(|unused| unused.is_open) {
        Some(UnusedInvitation { id, is_open: _ }) => id,
        None => {
            count_invitations(connection, organization_id).await?.check_another()?;
            Uuid::now_v7()
        }
    };
    let NewInvitation { email, role } = invitation;
    sqlx::query!(
        r#"
        insert into "Invitation" (id, "organizationId", "invitedById", email, role, seed, "expiresAt")
        values ($1, $2, $3, $4, $5::text::"Role", $6, now() + make_interval(secs => $7))
        on conflict (id) do update set "invitedById" = excluded."invitedById", email = excluded.email, role = excluded.role,
            "expiresAt" = excluded."expiresAt"
        "#,
        id,
        organization_id,
        actor.user_id(),
        email,
        AsText(*role) as _,
        &rand::random::<LinkSeed>()[..],
        INVITATION_LIFETIME.as_secs_f64(),
    )
    .execute(&mut *connection)
    .instrumented("INSERT Invitation")
    .await
    .map_err(db_error)?;
    record(connection, organization_id, id, actor, AuditEvent::InvitationCreated { role: *role }).await?;
    write_invitation(connection, organization_id, id, correlation).await?;
    Ok(id)
}

/// Ends an invitation that nobody has used, and records why. One that has expired still has an address, which goes with it. Returns false if there is no such invitation.
///
/// # Errors
/// When a statement fails.
pub async fn end_invitation(
    connection: &mut PgConnection,
    organization_id: Uuid,
    id: Uuid,
    reason: InvitationEnd,
    actor: Actor<'_>,
) -> Result<bool, ServiceError> {
    let ended = sqlx::query!(
        r#"
        update "Invitation" set "endedAt" = clock_timestamp(), email = null
        where id = $1 and "organizationId" = $2 and "endedAt" is null
        "#,
        id,
        organization_id,
    )
    .execute(&mut *connection)
    .instrumented("UPDATE Invitation")
    .await
    .map_err(db_error)?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    record(connection, organization_id, id, actor, AuditEvent::InvitationWithdrawn { reason }).await?;
    Ok(true)
}

/// Ends the invitations of a user that wait for an answer.
pub(crate) async fn end_invitations_of(
    connection: &mut PgConnection,
    (organization_id, user_id): (Uuid, Uuid),
    reason: InvitationEnd,
    actor: Actor<'_>,
) -> Result<(), ServiceError> {
    let open = sqlx::query_scalar!(
        r#"select id from "Invitation" where "invitedById" = $1 and "endedAt" is null"#,
        user_id
    )
    .fetch_all(&mut *connection)
    .instrumented("SELECT Invitation")
    .await
    .map_err(db_error)?;
    for id in open {
        end_invitation(connection, organization_id, id, reason, actor).await?;
    }
    Ok(())
}

/// Ends the invitations of an address that nobody has used.
pub(crate) async fn end_invitations_to(
    connection: &mut PgConnection,
    organization_id: Uuid,
    email: &str,
    reason: InvitationEnd,
    actor: Actor<'_>,
) -> Result<(), ServiceError> {
    for UnusedInvitation { id, is_open: _ } in
        find_unused_invitations(connection, organization_id, email).await?
    {
        end_invitation(connection, organization_id, id, reason, actor).await?;
    }
    Ok(())
}

/// An invitation that nobody has used.
struct UnusedInvitation {
    id: Uuid,
    /// Whether it has not expired.
    is_open: bool,
}

async fn find_unused_invitations(
    connection: &mut PgConnection,
    organization_id: Uuid,
    email: &str,
) -> Result<Vec<UnusedInvitation>, ServiceError> {
    let unused = sqlx::query!(
        r#"
        select id, email as "email!", "expiresAt" > now() as "is_open!" from "Invitation"
        where "organizationId" = $1 and "endedAt" is null
        "#,
        organization_id
    )
    .fetch_all(connection)
    .instrumented("SELECT Invitation")
    .await
    .map_err(db_error)?;
    let compared = normalize_email(email);
    let same = unused.into_iter().filter(|row| normalize_email(&row.email) == compared);
    Ok(same.map(|row| UnusedInvitation { id: row.id, is_open: row.is_open }).collect())
}

async fn count_invitations(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<InvitationCounts, ServiceError> {
    sqlx::query_as!(
        InvitationCounts,
        r#"
        select count(*) filter (where "endedAt" is null and "expiresAt" > now()) as "open!",
            count(*) filter (where "createdAt" > now() - interval '1 day') as "last_day!"
        from "Invitation" where "organizationId" = $1
        "#,
        organization_id
    )
    .fetch_one(connection)
    .instrumented("COUNT Invitation")
    .await
    .map_err(db_error)
}

/// An invitation that waits for an answer.
#[derive(Debug, Clone)]
pub struct OpenInvitation {
    /// The invitation.
    pub id: Uuid,
    /// The address that got it.
    pub email: String,
    /// The role that its user will have.
    pub role: AsText<Role>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
}

/// Lists the invitations of an organization that wait for an answer, newest first. There are at most 100.
///
/// # Errors
/// When the statement fails.
pub async fn load_open_invitations(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<Vec<OpenInvitation>, ServiceError> {
    sqlx::query_as!(
        OpenInvitation,
        r#"
        select id, email as "email!", role::text as "role!: AsText<Role>",
            "createdAt" as created_at, "expiresAt" as expires_at
        from "Invitation"
        where "organizationId" = $1 and "endedAt" is null and "expiresAt" > now()
        order by "createdAt" desc, id desc
        "#,
        organization_id
    )
    .fetch_all(connection)
    .instrumented("SELECT Invitation")
    .await
    .map_err(db_error)
}

/// Lists the invitations of a user that wait for an answer, newest first.
///
/// # Errors
/// When the statement fails.
pub async fn load_own_invitations(
    connection: &mut PgConnection,
    user_id: Uuid,
) -> Result<Vec<OpenInvitation>, ServiceError> {
    sqlx::query_as!(
        OpenInvitation,
        r#"
        select id, email as "email!", role::text as "role!: AsText<Role>", "createdAt" as created_at,
            "expiresAt" as expires_at
        from "Invitation" where "invitedById" = $1 and "endedAt" is null and "expiresAt" > now()
        order by "createdAt" desc, id desc
        "#,
        user_id
    )
    .fetch_all(connection)
    .instrumented("SELECT Invitation")
    .await
    .map_err(db_error)
}

async fn record(
    connection: &mut PgConnection,
    organization_id: Uuid,
    invitation_id: Uuid,
    actor: Actor<'_>,
    event: AuditEvent,
) -> Result<(), ServiceError> {
    let entry = AuditEntry {
        organization_id: Some(organization_id),
        actor,
        event,
        target: Some(AuditTarget::invitation(invitation_id)),
    };
    entry.record(connection).await.map_err(db_error)
}
