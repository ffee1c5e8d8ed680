//! Changes of passwords.

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{AsText, InstrumentStatement, db_error, write_password_changed};
use eventboard_domain::{AccountState, AuditEvent, Identity, Refusal, SessionEnd};

use super::{
    Account, FoundAccount, Store,
    sessions::{end_others, is_current, record_as},
    throttle::clear_address,
};
use crate::{throttle::ThrottleKey, user::User};

/// A password that replaces the one that was checked.
pub(crate) struct NewPassword<'a> {
    pub hash: &'a str,
    /// Which password was checked.
    pub checked_version: i32,
}

impl Store {
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
        end_others(&mut transaction, identity, SessionEnd::PasswordChanged, origin).await?;
        record_as(&mut transaction, identity, origin, AuditEvent::PasswordChanged {}).await?;
        let Identity { user_id, organization_id, role: _, session: _ } = *identity;
        write_password_changed(&mut transaction, organization_id, user_id, &origin.correlation_id).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(true)
    }
}
