//! Changes and resets of passwords.

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    link_token::{LinkVerifier, PresentedLink},
    server::{Deadline, Origin},
};
use eventboard_db::{AsText, InstrumentStatement, db_error, write_password_changed, write_password_reset};
use eventboard_domain::{AccountState, AuditEvent, Identity, Refusal, Role, SessionEnd};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Account, FoundAccount, Store,
    sessions::{end_all, end_others, is_current, record, record_as},
    throttle::{clear_account, clear_address, remember_address},
};
use crate::{throttle::ThrottleKey, user::User};

/// A password that replaces the one that was checked.
pub(crate) struct NewPassword<'a> {
    pub hash: &'a str,
    /// Which password was checked.
    pub checked_version: i32,
}

/// The account of a link, and what the password is judged with.
pub(crate) struct LinkedAccount {
    pub user: User,
    pub compared_email: String,
}

impl Store {
    /// Asks for the mail with a link to reset a password.
    pub(crate) async fn request_password_reset(
        &self,
        typed_email: &str,
        client: Client,
        origin: &Origin,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        write_password_reset(&mut lease, typed_email, &origin.correlation_id).await?;
        lease.release();
        Ok(())
    }

    /// Finds the account of a link that was neither used nor withdrawn and has not expired.
    pub(crate) async fn find_linked_account(
        &self,
        link: &PresentedLink,
        verifier: &LinkVerifier,
        client: Client,
    ) -> Result<Option<LinkedAccount>, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let row = sqlx::query!(
            r#"
            select link.seed, owner.id, email, lower(email) as "compared!", "firstName" as first_name,
                "lastName" as last_name, role::text as "role!: AsText<Role>", "organizationId" as organization_id,
                owner."createdAt" as created_at
            from "AccountLink" link join "User" owner on owner.id = link."userId" and not owner.disabled
            where link.id = $1 and link.kind = 'RESET_PASSWORD' and link."endedAt" is null and link."expiresAt" > now()
            "#,
            link.link_id
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT AccountLink")
        .await
        .map_err(db_error)?;
        lease.release();
        let Some(row) = row else { return Ok(None) };
        let is_genuine = row.seed.try_into().is_ok_and(|seed| verifier.is_genuine(link, &seed));
        let user = User {
            id: row.id,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            role: row.role.0,
            organization_id: row.organization_id,
            created_at: row.created_at,
        };
        Ok(is_genuine.then_some(LinkedAccount { user, compared_email: row.compared }))
    }

    /// Uses a link up: sets the password, ends all sessions and all other links, forgets the wrong passwords, makes the block of
    /// addresses known, records that, and writes a mail about it. Returns false if the link was used or withdrawn meanwhile.
    pub(crate) async fn reset_password(
        &self,
        account: &User,
        link_id: Uuid,
        hash: &str,
        key: ThrottleKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<bool, ServiceError> {
        let mut lease = self.database.acquire(Client::Address(key.block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        // Locks the user, so that no login opens a session meanwhile, and of two resets one comes second.
        let updated = sqlx::query!(
            r#"
            update "User" set "passwordHash" = $2, "passwordVersion" = "passwordVersion" + 1,
                "tokensValidFrom" = clock_timestamp()
            where id = $1 and not disabled
            "#,
            account.id,
            hash,
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE password")
        .await
        .map_err(db_error)?;
        if updated.rows_affected() == 0 || !end_links(&mut transaction, account.id, link_id).await? {
            return Ok(false);
        }
        for session_id in end_all(&mut transaction, account.id).await? {
            let event = AuditEvent::SessionRevoked { session_id, reason: SessionEnd::PasswordReset };
            record(&mut transaction, account, Some(account.id), origin, event).await?;
        }
        clear_account(&mut transaction, key.account).await?;
        remember_address(&mut transaction, account.id, key.block).await?;
        record(&mut transaction, account, Some(account.id), origin, AuditEvent::PasswordReset {}).await?;
        let correlation = &origin.correlation_id;
        write_password_changed(&mut transaction, account.organization_id, account.id, correlation).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(true)
    }

    /// Deletes links that no longer count. Returns how many. There are few, because each of them needed a mail.
    pub(crate) async fn delete_old_links(&self) -> Result<u64, ServiceError> {
        let mut lease = self.database.acquire(Client::Service).await?;
        let deleted =
            sqlx::query!(r#"delete from "AccountLink" where "createdAt" < now() - interval '2 days'"#)
                .execute(&mut *lease)
                .instrumented("DELETE AccountLink")
                .await
                .map_err(db_error)?;
        lease.release();
        Ok(deleted.rows_affected())
    }

    /// Finds the account of the caller. It has none if the caller's token is outdated.
    pub(crate) async fn find_own_account(
        &self,
        identity: &Identity,
        client: Client,
    ) -> Result<FoundAccount, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let row = sqlx::query!(
            r#"
            select email as "email!", lower(email) as "compared!", "firstName" as "first_name!",
                "lastName" as "last_name!", "createdAt" as "created_at!", "passwordHash" as "password_hash!",
                "passwordVersion" as "password_version!"
            from current_caller($1, $2, $3::text::"Role", $4, $5)
            "#,
            identity.user_id,
            identity.organization_id,
            AsText(identity.role) as _,
            identity.session.id(),
            identity.session.issued_at(),
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT own account")
        .await
        .map_err(db_error)?;
        lease.release();
        let Some(row) = row else {
            return Ok(FoundAccount { compared_email: String::new(), account: None });
        };
        let user = User {
            id: identity.user_id,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            role: identity.role,
            organization_id: identity.organization_id,
            created_at: row.created_at,
        };
        let (password_hash, password_version) = (row.password_hash, row.password_version);
        let account = Account { user, password_hash, password_version, state: AccountState::Enabled };
        Ok(FoundAccount { compared_email: row.compared, account: Some(account) })
    }

    /// The caller's password was right: forgets the wrong ones from their address.
    pub(crate) async fn forget_wrong_passwords(
        &self,
        checked: ThrottleKey,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Address(checked.block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        clear_address(&mut transaction, checked).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Replaces the caller's password, ends all their other sessions, makes tokens without a session invalid, records that,
    /// and writes a mail about it. Returns false if the password was changed after it was checked.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn change_password(
        &self,
        identity: &Identity,
        new_password: NewPassword<'_>,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<bool, ServiceError> {
        let NewPassword { hash, checked_version } = new_password;
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        // Locks the user, so that no login opens a session meanwhile, and two changes are made one after the other.
        let version = sqlx::query_scalar!(
            r#"select "passwordVersion" from "User" where id = $1 for no key update"#,
            identity.user_id
        )
        .fetch_optional(&mut *transaction)
        .instrumented("SELECT User")
        .await
        .map_err(db_error)?;
        if !is_current(&mut transaction, identity).await? {
            return Err(Refusal::TokenOutdated.into());
        }
        if version != Some(checked_version) {
            return Ok(false);
        }
        sqlx::query!(
            r#"
            update "User" set "passwordHash" = $2, "passwordVersion" = "passwordVersion" + 1,
                "tokensValidFrom" = clock_timestamp()
            where id = $1
            "#,
            identity.user_id,
            hash,
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE password")
        .await
        .map_err(db_error)?;
        withdraw_links(&mut transaction, identity.user_id).await?;
        end_others(&mut transaction, identity, SessionEnd::PasswordChanged, origin).await?;
        record_as(&mut transaction, identity, origin, AuditEvent::PasswordChanged {}).await?;
        let Identity { user_id, organization_id, role: _, session: _ } = *identity;
        write_password_changed(&mut transaction, organization_id, user_id, &origin.correlation_id).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(true)
    }
}

/// Uses a link of a user up, and withdraws the others. Returns false if it had ended already. The user is locked.
async fn end_links(
    connection: &mut PgConnection,
    user_id: Uuid,
    link_id: Uuid,
) -> Result<bool, ServiceError> {
    let ended = withdraw_links(connection, user_id).await?;
    Ok(ended.contains(&link_id))
}

/// Ends all links of a user that work. Returns them.
async fn withdraw_links(connection: &mut PgConnection, user_id: Uuid) -> Result<Vec<Uuid>, ServiceError> {
    sqlx::query_scalar!(
        r#"
        update "AccountLink" set "endedAt" = clock_timestamp()
        where "userId" = $1 and "endedAt" is null and "expiresAt" > now()
        returning id
        "#,
        user_id
    )
    .fetch_all(connection)
    .instrumented("UPDATE AccountLink")
    .await
    .map_err(db_error)
}
