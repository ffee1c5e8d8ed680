//! Login.

use eventboard_chassis::{error::ServiceError, fairness::Client};
use eventboard_domain::{LoginFailure, Refusal, check_login};

use super::{AuthUseCases, Session};
use crate::{store::Account, user::LoginCredentials};

impl AuthUseCases {
    /// Exchanges an e-mail address and a password for a session. The work counts in the share of `client`.
    ///
    /// # Errors
    /// `Unauthenticated` for an unknown user, a disabled user and a wrong password. All three get the same message
    /// after the same work.
    pub(crate) async fn login(
        &self,
        login: LoginCredentials,
        client: Client,
    ) -> Result<Session, ServiceError> {
        let account = self.store.find_account(&login.email, client).await?;
        let hash = account.as_ref().map(|account| &*account.password_hash);
        let password_matches = self.passwords.verify(&login.password, hash, client).await?;
        let account = authenticate(account, password_matches)?;
        self.upgrade_password_hash(&account, &login, client).await;
        tracing::info!(user_id = %account.user.id, "Logged in");
        self.session(account.user)
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

/// Returns the account when the login succeeds. The reason for a failure is only logged.
fn authenticate(account: Option<Account>, password_matches: bool) -> Result<Account, Refusal> {
    let state = account.as_ref().map(|account| account.state);
    check_login(state, password_matches).map_err(|failure| log_failure(failure, account.as_ref()))?;
    account.ok_or(Refusal::WrongCredentials)
}

fn log_failure(failure: LoginFailure, account: Option<&Account>) -> Refusal {
    let user_id = account.map(|account| tracing::field::display(account.user.id));
    tracing::info!(user_id, reason = failure.reason(), "Login refused");
    failure.into()
}
