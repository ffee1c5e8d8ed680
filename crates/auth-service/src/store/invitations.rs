//! Invitations: what their links are about, and how a signup uses them up.

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    link_token::{LinkVerifier, PresentedLink},
};
use eventboard_db::{
    AsText, InstrumentStatement, OpenInvitation, db_error, load_open_invitations, load_own_invitations,
};
use eventboard_domain::{Identity, Role};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Store, links::invalid_link};
use crate::{organization::InvitationContent, user::Organization};

/// The maximum number of invitations that one statement deletes. It limits the locks that the statement holds.
const DELETION_BATCH: i64 = 1_000;

impl Store {
    /// Finds what an invitation is about.
    ///
    /// # Errors
    /// `InvalidInput` when the invitation was used or withdrawn, has expired, or is not genuine.
    pub(crate) async fn find_invitation(
        &self,
        link: &PresentedLink,
        verifier: &LinkVerifier,
        client: Client,
    ) -> Result<InvitationContent, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let row = sqlx::query!(
            r#"
            select seed, email as "email!", role::text as "role!: AsText<Role>", organization.id, name, slug
            from "Invitation" invitation join "Organization" organization on organization.id = "organizationId"
            where invitation.id = $1 and "endedAt" is null and "expiresAt" > now()
            "#,
            link.link_id
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT Invitation")
        .await
        .map_err(db_error)?;
        lease.release();
        let row = row.ok_or_else(invalid_link)?;
        if !row.seed.try_into().is_ok_and(|seed| verifier.is_genuine(link, &seed)) {
            return Err(invalid_link());
        }
        let organization = Organization { id: row.id, name: row.name, slug: row.slug };
        Ok(InvitationContent { organization, email: row.email, role: row.role.0 })
    }

    /// Lists the invitations of the organization that wait for an answer, newest first.
    pub(crate) async fn open_invitations(
        &self,
        organization_id: Uuid,
    ) -> Result<Vec<OpenInvitation>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(organization_id)).await?;
        let invitations = load_open_invitations(&mut lease, organization_id).await?;
        lease.release();
        Ok(invitations)
    }

    /// Finds an invitation of the organization to this address, which is not stored any more if the invitation has ended.
    pub(crate) async fn created_invitation(
        &self,
        organization_id: Uuid,
        id: Uuid,
        email: &str,
    ) -> Result<Option<OpenInvitation>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(organization_id)).await?;
        let invitation = sqlx::query_as!(
            OpenInvitation,
            r#"
            select id, coalesce(email, $3) as "email!", role::text as "role!: AsText<Role>", "createdAt" as created_at,
                "expiresAt" as expires_at
            from "Invitation" where "organizationId" = $1 and id = $2
            "#,
            organization_id,
            id,
            email,
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT Invitation")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(invitation)
    }

    /// Lists the caller's invitations that wait for an answer, newest first.
    pub(crate) async fn own_invitations(
        &self,
        caller: &Identity,
    ) -> Result<Vec<OpenInvitation>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(caller.organization_id)).await?;
        let invitations = load_own_invitations(&mut lease, caller.user_id).await?;
        lease.release();
        Ok(invitations)
    }

    /// Deletes some invitations that no longer count for a limit. Returns how many.
    pub(crate) async fn delete_old_invitations(&self) -> Result<u64, ServiceError> {
        let mut lease = self.database.acquire(Client::Service).await?;
        let deleted = sqlx::query!(
            r#"
            delete from "Invitation" where id = any (array(
                select id from "Invitation"
                where "createdAt" < now() - interval '1 day' and ("endedAt" is not null or "expiresAt" < now())
                limit $1 for update skip locked
            ))
            "#,
            DELETION_BATCH
        )
        .execute(&mut *lease)
        .instrumented("DELETE Invitation")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(deleted.rows_affected())
    }
}

/// Uses up an invitation of an organization. Of two signups with it, the second one finds that out. First locks the organization as
/// its new member does, because somebody who deletes it locks both in this order.
///
/// # Errors
/// `InvalidInput` when it was used or withdrawn meanwhile.
pub(super) async fn use_invitation(
    connection: &mut PgConnection,
    organization_id: Uuid,
    id: Uuid,
) -> Result<(), ServiceError> {
    sqlx::query!(r#"select id from "Organization" where id = $1 for key share"#, organization_id)
        .fetch_optional(&mut *connection)
        .instrumented("LOCK Organization")
        .await
        .map_err(db_error)?;
    let used = sqlx::query!(
        r#"
        update "Invitation" set "endedAt" = clock_timestamp(), email = null
        where id = $1 and "organizationId" = $2 and "endedAt" is null and "expiresAt" > now()
        "#,
        id,
        organization_id,
    )
    .execute(connection)
    .instrumented("UPDATE Invitation")
    .await
    .map_err(db_error)?;
    if used.rows_affected() == 1 { Ok(()) } else { Err(invalid_link()) }
}
