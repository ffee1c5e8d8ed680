//! Verification and changes of e-mail addresses.

use std::net::IpAddr;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{
    AccountMail, InstrumentStatement, OnConstraint, Recipient, count_requested_mail, db_error,
};
use eventboard_domain::{AuditEvent, EMAIL_CHANGE_LIFETIME, Identity, LinkKind, normalize_email};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    EMAIL_KEYS, Store,
    links::{invalid_link, use_up},
    sessions::{lock_caller, record_about, record_by_caller},
    throttle::clear_address,
};
use crate::{throttle::ThrottleKey, user::User};

/// An address that a user wants instead of the one of their account.
pub(crate) struct NewEmail<'a> {
    pub email: &'a str,
    /// Which password was checked.
    pub checked_version: i32,
    pub checked: ThrottleKey,
}

impl Store {
    /// Uses a link up: the address of the account is verified.
    ///
    /// # Errors
    /// `InvalidInput` when the link was used or withdrawn meanwhile, or the account has another address.
    pub(crate) async fn verify_email(
        &self,
        account: &User,
        link_id: Uuid,
        email: &str,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Address(block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        let updated = sqlx::query!(
            r#"
            update "User" set "emailVerifiedAt" = coalesce("emailVerifiedAt", now())
            where id = $1 and email = $2 and not disabled
            "#,
            account.id,
            email,
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE User")
        .await
        .map_err(db_error)?;
        let ended = end_links(&mut transaction, account.id, LinkKind::VerifyEmail).await?;
        if updated.rows_affected() == 0 || !ended.contains(&link_id) {
            return Err(invalid_link());
        }
        record_about(&mut transaction, account, Some(account.id), origin, AuditEvent::EmailVerified {})
            .await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Asks for another link to verify the address of the caller. notification-service decides whether it is sent.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn request_verification(
        &self,
        identity: &Identity,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Address(block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        lock_caller(&mut transaction, identity).await?;
        AccountMail::VerifyEmail.write(&mut transaction, recipient(identity), &origin.correlation_id).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Asks for another address, in place of one that was asked for before, and records that. Mails go to both addresses. Returns
    /// false if the password was changed after it was checked.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn request_email_change(
        &self,
        identity: &Identity,
        new: NewEmail<'_>,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<bool, ServiceError> {
        let NewEmail { email, checked_version, checked } = new;
        let mut lease = self.database.acquire(Client::Address(checked.block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        let caller = lock_caller(&mut transaction, identity).await?;
        if caller.password_version != checked_version {
            return Ok(false);
        }
        sqlx::query!(
            r#"
            update "User" set "pendingEmail" = $2, "pendingEmailExpiresAt" = now() + make_interval(secs => $3)
            where id = $1
            "#,
            identity.user_id,
            email,
            EMAIL_CHANGE_LIFETIME.as_secs_f64(),
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE User")
        .await
        .map_err(db_error)?;
        end_links(&mut transaction, identity.user_id, LinkKind::ChangeEmail).await?;
        let (recipient, correlation) = (recipient(identity), &origin.correlation_id);
        AccountMail::ConfirmEmail { to: email }.write(&mut transaction, recipient, correlation).await?;
        // Whoever signed up with the address of somebody else must not fill their mailbox.
        if caller.is_verified || count_requested_mail(&mut transaction, &checked.account).await? {
            let notice = AccountMail::EmailChangeRequested { to: &caller.email };
            notice.write(&mut transaction, recipient, correlation).await?;
        }
        record_by_caller(&mut transaction, identity, origin, AuditEvent::EmailChangeRequested {}).await?;
        clear_address(&mut transaction, checked).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(true)
    }

    /// Withdraws the change of address that the caller asked for, if there is one.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn withdraw_email_change(
        &self,
        identity: &Identity,
        block: IpAddr,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Address(block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        lock_caller(&mut transaction, identity).await?;
        sqlx::query!(
            r#"update "User" set "pendingEmail" = null, "pendingEmailExpiresAt" = null where id = $1"#,
            identity.user_id
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE User")
        .await
        .map_err(db_error)?;
        end_links(&mut transaction, identity.user_id, LinkKind::ChangeEmail).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Uses a link up: the account has the new address, which is verified. All other links end. A mail to the former address says
    /// so.
    ///
    /// # Errors
    /// `InvalidInput` when the link was used or withdrawn meanwhile, or another account has the address.
    pub(crate) async fn change_email(
        &self,
        account: &User,
        link_id: Uuid,
        email: &str,
        key: ThrottleKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Address(key.block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        let former = sqlx::query!(
            r#"
            select email, "emailVerifiedAt" is not null as "is_verified!" from "User"
            where id = $1 and not disabled and "pendingEmail" = $2 and "pendingEmailExpiresAt" > now()
            for no key update
            "#,
            account.id,
            email
        )
        .fetch_optional(&mut *transaction)
        .instrumented("LOCK User")
        .await
        .map_err(db_error)?;
        let former = former.ok_or_else(invalid_link)?;
        use_up(&mut transaction, account.id, link_id).await?;
        sqlx::query!(
            r#"
            update "User" set email = $2, "normalizedEmail" = nullif($3, lower($2)), "emailVerifiedAt" = now()
            where id = $1
            "#,
            account.id,
            email,
            normalize_email(email),
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE email")
        .await
        .on_constraint(EMAIL_KEYS, invalid_link)?;
        record_about(&mut transaction, account, Some(account.id), origin, AuditEvent::EmailChanged {})
            .await?;
        let recipient = Recipient { organization_id: account.organization_id, user_id: account.id };
        // Whoever signed up with the address of somebody else must not fill their mailbox.
        if former.is_verified || count_requested_mail(&mut transaction, &key.account).await? {
            let notice = AccountMail::EmailChanged { to: &former.email };
            notice.write(&mut transaction, recipient, &origin.correlation_id).await?;
        }
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }
}

fn recipient(identity: &Identity) -> Recipient {
    Recipient { organization_id: identity.organization_id, user_id: identity.user_id }
}

/// Ends the links of one kind of a user whose row is locked. Returns them.
async fn end_links(
    connection: &mut PgConnection,
    user_id: Uuid,
    kind: LinkKind,
) -> Result<Vec<Uuid>, ServiceError> {
    sqlx::query_scalar!(
        r#"
        update "AccountLink" set "endedAt" = clock_timestamp()
        where "userId" = $1 and kind = $2 and "endedAt" is null and "expiresAt" > now()
        returning id
        "#,
        user_id,
        kind.as_str(),
    )
    .fetch_all(connection)
    .instrumented("UPDATE AccountLink")
    .await
    .map_err(db_error)
}
