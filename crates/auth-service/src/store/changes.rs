//! Changes that are performed once for each idempotency key. One transaction contains the key, the change and its entries in the
//! audit. Whoever administers the organization locks it first, and then users.

use eventboard_chassis::{
    account_key::AccountKeys,
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{
    Actor, InstrumentStatement, Lease, MemberWrite, change_member, change_settings, create_invitation,
    db_error, end_invitation, lock_for_removal, lock_member, lock_organization, lock_settings, remove_member,
};
use eventboard_domain::{
    Identity, InvitationEnd, MemberChange, NewInvitation, Preconditions, Refusal, SettingsPatch,
};
use eventboard_idempotency::{ScopedKey, StoredResponse, claim_key, store_response};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{
    Store,
    sessions::{LockedCaller, lock_caller},
};
use crate::change::ProfilePatch;

/// The transaction of a change. It is rolled back when it is dropped without a commit.
pub(crate) struct ChangeTransaction<'l> {
    transaction: Transaction<'l, Postgres>,
    caller: &'l Identity,
    origin: &'l Origin,
}

impl Store {
    /// Leases a connection for a change by a member of the organization.
    pub(crate) async fn acquire(&self, organization_id: Uuid) -> Result<Lease, ServiceError> {
        self.database.acquire(Client::Organization(organization_id)).await
    }
}

impl<'l> ChangeTransaction<'l> {
    /// Begins a transaction whose statements time out at the deadline.
    pub(crate) async fn begin(
        lease: &'l mut Lease,
        caller: &'l Identity,
        origin: &'l Origin,
        deadline: Deadline,
    ) -> Result<Self, ServiceError> {
        Ok(Self { transaction: lease.begin(deadline).await?, caller, origin })
    }

    /// Claims the key, or returns the stored response of the key.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn claim_key(
        &mut self,
        key: &ScopedKey,
    ) -> Result<Option<StoredResponse>, ServiceError> {
        claim_key(&mut self.transaction, key).await
    }

    /// Stores with the key what was changed. It is an ID only, so that nothing is left of a person who is deleted.
    pub(crate) async fn store_response(
        &mut self,
        key: &ScopedKey,
        changed: Uuid,
    ) -> Result<StoredResponse, ServiceError> {
        store_response(&mut self.transaction, key, changed.as_bytes().to_vec()).await
    }

    /// Commits the transaction.
    pub(crate) async fn commit(self) -> Result<(), ServiceError> {
        self.transaction.commit().instrumented("COMMIT").await.map_err(db_error)
    }

    /// Locks the organization. Call this before [`ChangeTransaction::lock_caller`].
    ///
    /// # Errors
    /// `TokenOutdated` when it was deleted.
    pub(crate) async fn lock_organization(&mut self) -> Result<(), ServiceError> {
        let exists = lock_organization(&mut self.transaction, self.caller.organization_id).await?;
        if exists { Ok(()) } else { Err(Refusal::TokenOutdated.into()) }
    }

    /// Locks the caller.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn lock_caller(&mut self) -> Result<LockedCaller, ServiceError> {
        lock_caller(&mut self.transaction, self.caller).await
    }

    /// Changes the profile of the caller, who is locked.
    pub(crate) async fn update_profile(&mut self, patch: &ProfilePatch) -> Result<(), ServiceError> {
        let ProfilePatch { first_name, last_name, language, time_zone } = patch;
        sqlx::query!(
            r#"
            update "User" set "firstName" = coalesce($2, "firstName"), "lastName" = coalesce($3, "lastName"),
                language = case when $4 then $5 else language end,
                "timeZone" = case when $6 then $7 else "timeZone" end
            where id = $1
            "#,
            self.caller.user_id,
            first_name.as_deref(),
            last_name.as_deref(),
            language.is_some(),
            language.as_ref().and_then(Option::as_deref),
            time_zone.is_some(),
            time_zone.as_ref().and_then(Option::as_deref),
        )
        .execute(&mut *self.transaction)
        .instrumented("UPDATE User")
        .await
        .map_err(db_error)?;
        Ok(())
    }

    /// Changes the settings of the caller's organization.
    pub(crate) async fn change_settings(
        &mut self,
        patch: SettingsPatch,
        preconditions: &Preconditions,
    ) -> Result<(), ServiceError> {
        let organization_id = self.caller.organization_id;
        let locked = lock_settings(&mut self.transaction, organization_id).await?;
        let locked = locked.ok_or(Refusal::TokenOutdated)?;
        preconditions.check_version(locked.version)?;
        let actor = actor(self.caller, self.origin);
        change_settings(&mut self.transaction, organization_id, &locked, patch, actor).await?;
        Ok(())
    }

    /// Changes a member of the caller's organization, which is locked.
    ///
    /// # Errors
    /// `MemberNotFound`; `StaleVersion`; `LastAdmin`.
    pub(crate) async fn change_member(
        &mut self,
        id: Uuid,
        change: MemberChange,
        preconditions: &Preconditions,
    ) -> Result<(), ServiceError> {
        let member = lock_member(&mut self.transaction, self.caller.organization_id, id).await?;
        let member = member.ok_or(Refusal::MemberNotFound)?;
        preconditions.check_version(member.version)?;
        let write = member_write(self.caller, self.origin);
        change_member(&mut self.transaction, &member, change, write).await?;
        Ok(())
    }

    /// Locks what a member's removal needs: the organization, and then the member. Call this before
    /// [`ChangeTransaction::lock_caller`].
    pub(crate) async fn lock_for_removal(&mut self, id: Uuid) -> Result<(), ServiceError> {
        lock_for_removal(&mut self.transaction, self.caller.organization_id, id).await?;
        Ok(())
    }

    /// Deletes a member of the caller's organization, for whose removal everything is locked.
    ///
    /// # Errors
    /// `MemberNotFound`; `StaleVersion`; `LastAdmin`; `OwnAccount` when it is the caller.
    pub(crate) async fn remove_member(
        &mut self,
        id: Uuid,
        preconditions: &Preconditions,
        account_keys: &AccountKeys,
    ) -> Result<(), ServiceError> {
        let member = lock_member(&mut self.transaction, self.caller.organization_id, id).await?;
        let member = member.ok_or(Refusal::MemberNotFound)?;
        preconditions.check_version(member.version)?;
        let write = member_write(self.caller, self.origin);
        remove_member(&mut self.transaction, &member, Some(account_keys), write).await?;
        // The transaction is rolled back. The last admin gets the error about that instead.
        if id == self.caller.user_id { Err(Refusal::OwnAccount.into()) } else { Ok(()) }
    }

    /// Invites somebody to the caller's organization, which is locked. Returns the ID of the invitation.
    ///
    /// # Errors
    /// `QuotaExceeded` when the organization has made too many.
    pub(crate) async fn create_invitation(
        &mut self,
        invitation: &NewInvitation,
    ) -> Result<Uuid, ServiceError> {
        let (organization_id, correlation) = (self.caller.organization_id, &self.origin.correlation_id);
        let actor = actor(self.caller, self.origin);
        create_invitation(&mut self.transaction, organization_id, invitation, actor, correlation).await
    }

    /// Withdraws an invitation of the caller's organization.
    ///
    /// # Errors
    /// `InvitationNotFound` when there is no such invitation that waits for an answer.
    pub(crate) async fn withdraw_invitation(&mut self, id: Uuid) -> Result<(), ServiceError> {
        let (organization_id, actor) = (self.caller.organization_id, actor(self.caller, self.origin));
        let reason = InvitationEnd::Withdrawn;
        match end_invitation(&mut self.transaction, organization_id, id, reason, actor).await? {
            true => Ok(()),
            false => Err(Refusal::InvitationNotFound.into()),
        }
    }
}

fn actor<'a>(caller: &Identity, origin: &'a Origin) -> Actor<'a> {
    Actor::Client { user_id: Some(caller.user_id), origin }
}

/// What a caller does with members of the organization.
pub(super) fn member_write<'a>(caller: &Identity, origin: &'a Origin) -> MemberWrite<'a> {
    MemberWrite { actor: actor(caller, origin), correlation: &origin.correlation_id, force: false }
}
