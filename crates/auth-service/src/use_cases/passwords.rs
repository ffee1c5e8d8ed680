//! Changes of passwords.

use std::net::IpAddr;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_domain::{Identity, Refusal, Violations};

use super::{
    AuthUseCases,
    password_check::{CheckedPassword, PresentedPassword, weak_password},
};
use crate::{
    password::{WeakPassword, guesses},
    store::{FoundAccount, NewPassword},
    throttle::AccountAddress,
    user::PasswordChange,
};

impl AuthUseCases {
    /// Changes the caller's password. All other sessions end, and a mail tells the user. The work counts in the share of the
    /// block of addresses.
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
    ) -> Result<(), ServiceError> {
        let client = Client::Address(block);
        let FoundAccount { compared_email, account } = self.store.find_own_account(caller, client).await?;
        let account = account.ok_or(Refusal::TokenOutdated)?;
        let presented = PresentedPassword {
            account: AccountAddress { compared_email: &compared_email, user: Some(&account.user) },
            password: &change.current,
            hash: Some(&account.password_hash),
            block,
        };
        let CheckedPassword { matched, key } = self.check_password(presented, origin, deadline).await?;
        if !matched.is_right() {
            return Err(wrong_password());
        }
        // Before the new password is judged: somebody who knows the current one may try as many new ones as they like.
        self.store.forget_wrong_passwords(key, deadline).await?;
        let guesses = guesses(&account.user.email, &account.user.first_name, &account.user.last_name);
        let hash = self.passwords.hash_chosen(&change.new, guesses, client).await?;
        let hash = &*hash.map_err(|WeakPassword| weak_password("newPassword"))?;
        let new_password = NewPassword { hash, checked_version: account.password_version };
        if !self.store.change_password(caller, new_password, origin, deadline).await? {
            return Err(wrong_password());
        }
        tracing::info!(user_id = %caller.user_id, "Password changed");
        Ok(())
    }
}

fn wrong_password() -> ServiceError {
    let mut violations = Violations::default();
    violations.add("currentPassword", "is wrong");
    violations.into()
}
