//! Changes and resets of passwords.

use eventboard_chassis::{
    browser_secret::BrowserSecret,
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{
    AccountMail, AsText, InstrumentStatement, Recipient, db_error, end_all_sessions, withdraw_links,
    write_password_reset,
};
use eventboard_domain::{AccountState, AuditEvent, Identity, SessionEnd};
use uuid::Uuid;

use super::{
    Account, FoundAccount, Store,
    links::{invalid_link, use_up},
    sessions::{end_others, lock_caller, record_about, record_by_caller, replace_browser_secret},
    throttle::{clear_account, clear_address, remember_address},
};
use crate::{throttle::ThrottleKey, user::User};

/// A password that replaces the one that was checked.
pub(crate) struct NewPassword<'a> {
    pub hash: &'a str,
    /// Which password was checked.
    pub checked_version: i32,
}

/// The caller's password was changed.
pub(crate) struct PasswordChanged {
    /// The new secret of the caller's session. `None`: it is no browser session.
    pub browser_secret: Option<BrowserSecret>,
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
        write_password_reset(&mut lease, typed_email, origin).await?;
        lease.release();
        Ok(())
    }

    /// Uses a link up: sets the password, ends all sessions and all other links, forgets the wrong passwords, makes the block of
    /// addresses known, records that, and writes a mail about it. The user got the link by mail, so the address is verified.
    ///
    /// # Errors
    /// `InvalidInput` when the link was used or withdrawn meanwhile.
    pub(crate) async fn reset_password(
        &self,
        account: &User,
        link_id: Uuid,
        hash: &str,
        key: ThrottleKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Address(key.block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        // Locks the user, so that no login opens a session meanwhile, and of two resets one comes second.
        let updated = sqlx::query!(
            r#"
            update "User" set "passwordHash" = $2, "passwordVersion" = "passwordVersion" + 1,
                "emailVerifiedAt" = coalesce("emailVerifiedAt", now())
            where id = $1 and not disabled
            "#,
            account.id,
            hash,
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE password")
        .await
        .map_err(db_error)?;
        if updated.rows_affected() == 0 {
            return Err(invalid_link());
        }
        use_up(&mut transaction, account.id, link_id).await?;
        for session_id in end_all_sessions(&mut transaction, account.id).await.map_err(db_error)? {
            let event = AuditEvent::SessionRevoked { session_id, reason: SessionEnd::PasswordReset };
            record_about(&mut transaction, account, Some(account.id), origin, event).await?;
        }
        clear_account(&mut transaction, key.account).await?;
        remember_address(&mut transaction, account.id, key.block).await?;
        record_about(&mut transaction, account, Some(account.id), origin, AuditEvent::PasswordReset {})
            .await?;
        let recipient = Recipient { organization_id: account.organization_id, user_id: account.id };
        AccountMail::PasswordChanged.write(&mut transaction, recipient, &origin.correlation_id).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
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
            select email as "email!", coalesce("normalizedEmail", lower(email)) as "compared!", "firstName" as "first_name!",
                "lastName" as "last_name!", "createdAt" as "created_at!", "passwordHash" as "password_hash!",
                "passwordVersion" as "password_version!", "emailVerifiedAt" as email_verified_at,
                case when "pendingEmailExpiresAt" > now() then "pendingEmail" end as pending_email,
                language, "timeZone" as time_zone
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
            email_verified_at: row.email_verified_at,
            pending_email: row.pending_email,
            language: row.language,
            time_zone: row.time_zone,
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

    /// Replaces the caller's password and the secret of their browser session, ends all their other sessions, makes tokens without a
    /// session invalid, records that, and writes a mail about it. `None` if the password was changed after it was checked.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn change_password(
        &self,
        identity: &Identity,
        new_password: NewPassword<'_>,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Option<PasswordChanged>, ServiceError> {
        let NewPassword { hash, checked_version } = new_password;
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        // So no login opens a session meanwhile, and two changes are made one after the other.
        if lock_caller(&mut transaction, identity).await?.password_version != checked_version {
            return Ok(None);
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
        withdraw_links(&mut transaction, identity.user_id).await.map_err(db_error)?;
        end_others(&mut transaction, identity, SessionEnd::PasswordChanged, origin).await?;
        let browser_secret = replace_browser_secret(&mut transaction, identity).await?;
        record_by_caller(&mut transaction, identity, origin, AuditEvent::PasswordChanged {}).await?;
        let Identity { user_id, organization_id, role: _, session: _ } = *identity;
        let recipient = Recipient { organization_id, user_id };
        AccountMail::PasswordChanged.write(&mut transaction, recipient, &origin.correlation_id).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(Some(PasswordChanged { browser_secret }))
    }
}
