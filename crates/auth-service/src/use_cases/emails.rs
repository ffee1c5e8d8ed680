//! Verification and changes of e-mail addresses.

use std::net::IpAddr;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    link_token::PresentedLink,
    server::{Deadline, Origin},
};
use eventboard_domain::{Identity, LinkPurpose, Refusal, Violations};

use super::{
    AuthUseCases,
    password_check::{PresentedPassword, wrong_password},
};
use crate::{
    store::{FoundAccount, LinkedAccount, NewEmail, invalid_link},
    user::EmailChange,
};

impl AuthUseCases {
    /// Verifies an address with the token of a link. If it is the address that a user wants instead of the one of their account, the
    /// account has it from now on.
    ///
    /// # Errors
    /// `InvalidInput` when the token is unknown, used or expired, or another account has got the address.
    pub(crate) async fn verify_email(
        &self,
        token: &str,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let link = PresentedLink::parse(token).ok_or_else(invalid_link)?;
        let found =
            self.store.find_linked_account(&link, &self.link_verifier, Client::Address(block)).await?;
        let LinkedAccount { user, compared_email, purpose } = found;
        match &purpose {
            LinkPurpose::ResetPassword => return Err(invalid_link()),
            LinkPurpose::VerifyEmail { email } => {
                self.store.verify_email(&user, link.link_id, email, block, origin, deadline).await?;
            }
            LinkPurpose::ChangeEmail { email } => {
                let key = self.throttle.key(&compared_email, block);
                self.store.change_email(&user, link.link_id, email, key, origin, deadline).await?;
            }
        }
        tracing::info!(user_id = %user.id, kind = purpose.kind().as_str(), "Address verified");
        Ok(())
    }

    /// Asks for another link to verify the caller's address. notification-service sends it unless the address is verified, or
    /// gets too many mails.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn resend_verification(
        &self,
        caller: &Identity,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.store.request_verification(caller, block, origin, deadline).await
    }

    /// Asks for another address for the caller's account. Does the same whether or not another account has it. The work counts in
    /// the share of the block of addresses.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `InvalidInput` when the password is wrong, or the account has the
    /// address already; `Throttled` after too many wrong passwords.
    pub(crate) async fn change_email(
        &self,
        caller: &Identity,
        change: EmailChange,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let client = Client::Address(block);
        let FoundAccount { compared_email, account } = self.store.find_own_account(caller, client).await?;
        let account = account.ok_or(Refusal::TokenOutdated)?;
        if account.user.email == change.new {
            return Err(Violations::one("newEmail", "is the address of your account already").into());
        }
        let presented = PresentedPassword::of_caller(&account, &compared_email, &change.password, block);
        let mut reservation = self.check_callers_password(presented, "password", origin, deadline).await?;
        let checked_version = account.password_version;
        let new = NewEmail { email: &change.new, checked_version, checked: reservation.key() };
        if !self.store.request_email_change(caller, new, origin, deadline).await? {
            return Err(wrong_password("password"));
        }
        reservation.settle();
        tracing::info!(user_id = %caller.user_id, "Change of address requested");
        Ok(())
    }

    /// Withdraws the change of address that the caller asked for, if there is one.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn withdraw_email_change(
        &self,
        caller: &Identity,
        block: IpAddr,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.store.withdraw_email_change(caller, block, deadline).await
    }
}
