//! Login.

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_domain::{Refusal, check_login};

use super::AuthUseCases;
use crate::{session::SignedIn, store::Account, user::LoginCredentials};

impl AuthUseCases {
    /// Opens a session for an e-mail address and a password, and records that in the audit. The work counts in the
    /// share of `client`.
    ///
    /// # Errors
    /// `Unauthenticated` for an unknown user, a disabled user and a wrong password. All three get the same message
    /// after the same work.
    pub(crate) async fn login(
        &self,
        login: LoginCredentials,
        client: Client,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<SignedIn, ServiceError> {
        let account = self.store.find_account(&login.email, client).await?;
        let hash = account.as_ref().map(|account| &*account.password_hash);
        let password_matches = self.passwords.verify(&login.password, hash, client).await?;
        let state = account.as_ref().map(|account| account.state);
        if let Err(reason) = check_login(state, password_matches) {
            let user = account.as_ref().map(|account| &account.user);
            let user_id = user.map(|user| tracing::field::display(user.id));
            tracing::info!(user_id, reason = reason.as_str(), "Login refused");
            self.store.record_failed_login(user, reason, client, origin, deadline).await?;
            return Err(Refusal::from(reason).into());
        }
        let account = account.ok_or(Refusal::WrongCredentials)?;
        let session = self
            .store
            .open_session_at_login(&account.user, &self.session_rules, client, origin, deadline)
            .await?;
        self.upgrade_password_hash(&account, &login, client).await;
        tracing::info!(user_id = %account.user.id, "Logged in");
        self.session_metrics.opened.increment(1);
        let tokens = self.tokens(&account.user, &session)?;
        Ok(SignedIn { user: account.user, tokens })
    }

    /// Replaces a password hash that is weaker than new hashes. This happens at login, because the password is known
    /// only then. The login succeeds even when the upgrade fails.
    async fn upgrade_password_hash(&self, account: &Account, login: &LoginCredentials, client: Client) {
        if !self.passwords.needs_rehash(&account.password_hash) {
            return;
        }
        let user_id = account.user.id;
        match self.rehash(account, login, client).await {
            Ok(()) => tracing::info!(%user_id, "Password hash upgraded"),
            Err(error) => tracing::warn!(%user_id, %error, "Password hash could not be upgraded"),
        }
    }

    async fn rehash(
        &self,
        account: &Account,
        login: &LoginCredentials,
        client: Client,
    ) -> Result<(), ServiceError> {
        let new_hash = self.passwords.hash(&login.password, client).await?;
        let Account { user, password_hash, state: _ } = account;
        self.store.replace_password_hash(user.id, password_hash, &new_hash, client).await
    }
}
