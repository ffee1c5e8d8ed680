//! A user deletes their account, or takes a copy of it.

use std::net::IpAddr;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{OpenInvitation, Removal};
use eventboard_domain::{DecisionMails, Identity, Refusal};

use super::{
    AuthUseCases,
    password_check::{PresentedPassword, wrong_password},
};
use crate::{
    audit::{AuditPage, AuditPosition},
    password::TypedPassword,
    session::ListedSession,
    store::FoundAccount,
    user::{Organization, User},
};

/// What is stored about a user, besides the audit and their events.
pub(crate) struct AccountCopy {
    pub user: User,
    pub organization: Organization,
    pub decisions: DecisionMails,
    pub sessions: Vec<ListedSession>,
    pub invitations: Vec<OpenInvitation>,
    pub known_addresses: Vec<String>,
}

impl AuthUseCases {
    /// Deletes the caller. The last member takes the organization along. The work counts in the share of the block of addresses.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `InvalidInput` when the password is wrong; `LastAdmin` when nobody could
    /// administer the organization afterwards; `Throttled` after too many wrong passwords.
    pub(crate) async fn delete_me(
        &self,
        caller: &Identity,
        password: &TypedPassword,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let found = self.store.find_own_account(caller, Client::Address(block)).await?;
        let FoundAccount { compared_email, account } = found;
        let account = account.ok_or(Refusal::TokenOutdated)?;
        let presented = PresentedPassword::of_caller(&account, &compared_email, password, block);
        let mut reservation = self.check_callers_password(presented, "password", origin, deadline).await?;
        let (version, keys) = (account.password_version, self.throttle.account_keys());
        let removal = self.store.delete_caller(caller, version, keys, block, origin, deadline).await?;
        let removal = removal.ok_or_else(|| wrong_password("password"))?;
        reservation.settle();
        let with_organization = removal == Removal::Organization;
        tracing::info!(user_id = %caller.user_id, with_organization, "Account deleted");
        Ok(())
    }

    /// Returns what is stored about the caller, and records that.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn copy_account(
        &self,
        caller: &Identity,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<AccountCopy, ServiceError> {
        self.store.record_export(caller, origin, deadline).await?;
        let (user, organization) = self.me(caller).await?;
        let decisions = self.notifications(caller).await?;
        let sessions = self.list_sessions(caller).await?;
        let invitations = self.store.own_invitations(caller).await?;
        let known_addresses = self.store.known_addresses(caller).await?;
        Ok(AccountCopy { user, organization, decisions, sessions, invitations, known_addresses })
    }

    /// Returns a page of what the audit says about the caller, newest first.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn copy_audit(
        &self,
        caller: &Identity,
        after: Option<AuditPosition>,
    ) -> Result<AuditPage, ServiceError> {
        self.check_caller(caller).await?;
        self.store.list_audit_about(caller, after).await
    }
}
