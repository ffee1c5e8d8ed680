//! Links in mails.

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    link_token::{LinkVerifier, PresentedLink},
};
use eventboard_db::{AsText, InstrumentStatement, db_error, withdraw_links};
use eventboard_domain::{LinkKind, LinkPurpose, Role, Violations};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::user::User;

/// The account of a link.
pub(crate) struct LinkedAccount {
    pub user: User,
    pub compared_email: String,
    pub purpose: LinkPurpose,
}

/// The same for every reason, so that it does not tell which links were ever made.
pub(crate) fn invalid_link() -> ServiceError {
    Violations::one("token", "is unknown, was used already, or has expired").into()
}

impl Store {
    /// Finds the account of a link.
    ///
    /// # Errors
    /// `InvalidInput` when the link was used or withdrawn, has expired, or is not genuine.
    pub(crate) async fn find_linked_account(
        &self,
        link: &PresentedLink,
        verifier: &LinkVerifier,
        client: Client,
    ) -> Result<LinkedAccount, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let row = sqlx::query!(
            r#"
            select link.seed, link.kind as "kind: AsText<LinkKind>", link.email as link_email, owner.id, owner.email,
                coalesce("normalizedEmail", lower(owner.email)) as "compared!", "firstName" as first_name, "lastName" as last_name,
                role::text as "role!: AsText<Role>", "organizationId" as organization_id,
                owner."createdAt" as created_at, "emailVerifiedAt" as email_verified_at,
                case when "pendingEmailExpiresAt" > now() then "pendingEmail" end as pending_email,
                owner.language, owner."timeZone" as time_zone
            from "AccountLink" link join "User" owner on owner.id = link."userId" and not owner.disabled
            where link.id = $1 and link."endedAt" is null and link."expiresAt" > now()
            "#,
            link.link_id
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT AccountLink")
        .await
        .map_err(db_error)?;
        lease.release();
        let row = row.ok_or_else(invalid_link)?;
        if !row.seed.try_into().is_ok_and(|seed| verifier.is_genuine(link, &seed)) {
            return Err(invalid_link());
        }
        let purpose = LinkPurpose::new(row.kind.0, row.link_email).ok_or_else(invalid_link)?;
        let user = User {
            id: row.id,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            role: row.role.0,
            organization_id: row.organization_id,
            created_at: row.created_at,
            email_verified_at: row.email_verified_at,
            pending_email: row.pending_email,
            language: row.language,
            time_zone: row.time_zone,
        };
        Ok(LinkedAccount { user, compared_email: row.compared, purpose })
    }

    /// Deletes links that have expired. Returns how many. There are few, because each of them needed a mail.
    pub(crate) async fn delete_old_links(&self) -> Result<u64, ServiceError> {
        let mut lease = self.database.acquire(Client::Service).await?;
        let deleted =
            sqlx::query!(r#"delete from "AccountLink" where "expiresAt" < now() - interval '1 day'"#)
                .execute(&mut *lease)
                .instrumented("DELETE AccountLink")
                .await
                .map_err(db_error)?;
        lease.release();
        Ok(deleted.rows_affected())
    }
}

/// Uses up a link of a user whose row is locked, and withdraws all others.
///
/// # Errors
/// `InvalidInput` when the link was used or withdrawn meanwhile.
pub(super) async fn use_up(
    connection: &mut PgConnection,
    user_id: Uuid,
    link_id: Uuid,
) -> Result<(), ServiceError> {
    let ended = withdraw_links(connection, user_id).await.map_err(db_error)?;
    if ended.contains(&link_id) { Ok(()) } else { Err(invalid_link()) }
}
