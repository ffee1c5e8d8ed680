//! Login.

use std::net::IpAddr;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_domain::{Refusal, check_login};

use super::{
    AuthUseCases,
    password_check::{CheckedPassword, PresentedPassword},
};
use crate::{
    password::PasswordMatch,
    session::{NewSession, SignedIn},
    store::{Account, FoundAccount},
    throttle::AccountAddress,
    user::LoginCredentials,
};

impl AuthUseCases {
    /// Opens a session for an e-mail address and a password, and records that in the audit. The work counts in the
    /// share of the block of addresses.
    ///
    /// # Errors
    /// `Unauthenticated` for an unknown user, a disabled user and a wrong password. All three get the same message
    /// after the same work. A disabled user's password counts as wrong, or the counter would tell that it is right. `Throttled`
    /// after too many wrong passwords.
    pub(crate) async fn login(
        &self,
        login: LoginCredentials,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<SignedIn, ServiceError> {
        let client = Client::Address(block);
        let FoundAccount { compared_email, account } = self.store.find_account(&login.email, client).await?;
        let user = account.as_ref().map(|account| &account.user);
        let presented = PresentedPassword {
            account: AccountAddress { compared_email: &compared_email, user },
            password: &login.password,
            hash: account.as_ref().map(|account| &*account.password_hash),
            block,
        };
        let CheckedPassword { matched, mut reservation } =
            self.check_password(presented, origin, deadline).await?;
        let state = account.as_ref().map(|account| account.state);
        if let Err(reason) = check_login(state, matched.is_right()) {
            reservation.settle();
            let user_id = user.map(|user| tracing::field::display(user.id));
            tracing::info!(user_id, reason = reason.as_str(), "Login refused");
            self.store.record_failed_login(user, reason, client, origin, deadline).await?;
            return Err(Refusal::from(reason).into());
        }
        let account = account.ok_or(Refusal::WrongCredentials)?;
        let secret = login.kind.new_secret();
        let new_session = NewSession { rules: &self.session_rules, browser_secret: secret.as_ref() };
        let key = reservation.key();
        let session = self.store.open_session_at_login(&account, new_session, key, origin, deadline).await?;
        reservation.settle();
        if matched == PasswordMatch::Raw || self.passwords.needs_rehash(&account.password_hash) {
            self.upgrade_password_hash(&account, &login, client).await;
        }
        tracing::info!(user_id = %account.user.id, "Logged in");
        self.session_metrics.opened.increment(1);
        self.signed_in(account.user, &session, secret.as_ref())
    }

    /// Replaces a password hash that is weaker than new hashes, or of another form. This happens at login, because the
    /// password is known only then. The login succeeds even when the upgrade fails.
    async fn upgrade_password_hash(&self, account: &Account, login: &LoginCredentials, client: Client) {
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
        let new_hash = self.passwords.hash(&login.password.prepared, client).await?;
        let Account { user, password_hash, password_version: _, state: _ } = account;
        self.store.replace_password_hash(user.id, password_hash, &new_hash, client).await
    }
}
