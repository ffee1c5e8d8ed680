//! Changes and resets of passwords.

use std::net::IpAddr;

use eventboard_chassis::{
    browser_secret::BrowserSecret,
    error::ServiceError,
    fairness::Client,
    link_token::PresentedLink,
    server::{Deadline, Origin},
};
use eventboard_domain::{Identity, LinkPurpose, Refusal};
use secrecy::SecretString;

use super::{
    AuthUseCases,
    password_check::{PresentedPassword, weak_password, wrong_password},
};
use crate::{
    password::{WeakPassword, guesses},
    store::{FoundAccount, LinkedAccount, NewPassword, PasswordChanged, invalid_link},
    user::{PasswordChange, PasswordReset},
};

impl AuthUseCases {
    /// Changes the caller's password. All other sessions end, and a mail tells the user. The work counts in the share of the
    /// block of addresses. Returns the new secret of a browser session.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `InvalidInput` when the current password is wrong or the new one
    /// is too easy to guess; `Throttled` after too many wrong passwords.
    pub(crate) async fn change_password(
        &self,
        caller: &Identity,
        change: PasswordChange,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Option<SecretString>, ServiceError> {
        let client = Client::Address(block);
        let FoundAccount { compared_email, account } = self.store.find_own_account(caller, client).await?;
        let account = account.ok_or(Refusal::TokenOutdated)?;
        let presented = PresentedPassword::of_caller(&account, &compared_email, &change.current, block);
        let mut reservation =
            self.check_callers_password(presented, "currentPassword", origin, deadline).await?;
        // Before the new password is judged: somebody who knows the current one may try as many new ones as they like.
        self.store.forget_wrong_passwords(reservation.key(), deadline).await?;
        reservation.settle();
        let guesses = guesses(&account.user.email, &account.user.first_name, &account.user.last_name);
        let hash = self.passwords.hash_chosen(&change.new, guesses, client).await?;
        let hash = &*hash.map_err(|WeakPassword| weak_password("newPassword"))?;
        let new_password = NewPassword { hash, checked_version: account.password_version };
        let changed = self.store.change_password(caller, new_password, origin, deadline).await?;
        let PasswordChanged { browser_secret } = changed.ok_or_else(|| wrong_password("currentPassword"))?;
        tracing::info!(user_id = %caller.user_id, "Password changed");
        Ok(browser_secret.as_ref().map(BrowserSecret::encode))
    }

    /// Asks for the mail with a link to reset a password. Does the same whether or not there is an account.
    pub(crate) async fn forget_password(
        &self,
        typed_email: &str,
        block: IpAddr,
        origin: &Origin,
    ) -> Result<(), ServiceError> {
        self.store.request_password_reset(typed_email, Client::Address(block), origin).await
    }

    /// Sets a new password with the token of a link. All sessions end, and the wrong passwords so far are forgotten.
    ///
    /// # Errors
    /// `InvalidInput` when the token is unknown, used or expired, or the new password is too easy to guess. A password that is
    /// refused does not use the link up.
    pub(crate) async fn reset_password(
        &self,
        reset: PasswordReset,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let client = Client::Address(block);
        let link = PresentedLink::parse(&reset.token).ok_or_else(invalid_link)?;
        let found = self.store.find_linked_account(&link, &self.link_verifier, client).await?;
        let LinkedAccount { user, compared_email, purpose } = found;
        if purpose != LinkPurpose::ResetPassword {
            return Err(invalid_link());
        }
        let guesses = guesses(&user.email, &user.first_name, &user.last_name);
        let hash = self.passwords.hash_chosen(&reset.new, guesses, client).await?;
        let hash = hash.map_err(|WeakPassword| weak_password("newPassword"))?;
        let key = self.throttle.key(&compared_email, block);
        self.store.reset_password(&user, link.link_id, &hash, key, origin, deadline).await?;
        tracing::info!(user_id = %user.id, "Password reset");
        Ok(())
    }
}
