//! Performs changes once for each idempotency key.

use eventboard_chassis::{
    error::ServiceError,
    server::{Deadline, Origin},
};
use eventboard_domain::{Identity, Refusal};
use eventboard_idempotency::{RequestKey, ResponseSource, ScopedKey, StoredResponse};
use uuid::Uuid;

use super::AuthUseCases;
use crate::{change::Change, store::ChangeTransaction};

/// What a change was about.
pub(crate) struct Changed {
    /// The user, the organization or the invitation.
    pub id: Uuid,
    /// Whether an earlier client request performed the change.
    pub replayed: bool,
}

impl AuthUseCases {
    /// Performs the change once for each key. The stored response is the ID of what was changed, so that nothing is left of a person
    /// who is deleted. A replay therefore returns what was changed as it is now.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is. `AdminRequired` and `EmailNotVerified` when the caller may not administer the
    /// organization. What the methods of [`ChangeTransaction`] return.
    pub(crate) async fn change(
        &self,
        caller: &Identity,
        change: &Change,
        key: RequestKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Changed, ServiceError> {
        let key = self.idempotency.scoped_key(caller, change.method(), key, change.fingerprint());
        let response = self
            .idempotency
            .perform_once(
                &key,
                || self.change_in_transaction(caller, change, &key, origin, deadline),
                || async {
                    self.check_caller(caller).await?;
                    Ok(change.check_role(caller)?)
                },
            )
            .await?;
        let id = Uuid::from_slice(&response.encoded).map_err(ServiceError::internal)?;
        if !response.replayed {
            tracing::info!(user_id = %caller.user_id, operation = change.method(), target_id = %id, "Changed");
        }
        Ok(Changed { id, replayed: response.replayed })
    }

    async fn change_in_transaction(
        &self,
        caller: &Identity,
        change: &Change,
        key: &ScopedKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        let mut lease = self.store.acquire(caller.organization_id).await?;
        let mut transaction = ChangeTransaction::begin(&mut lease, caller, origin, deadline).await?;
        let claimed = transaction.claim_key(key).await?;
        // After the caller, whose role may have changed since the token was issued.
        change.check_role(caller)?;
        if let Some(stored) = claimed {
            transaction.commit().await?;
            lease.release();
            return Ok((stored, ResponseSource::Database));
        }
        self.lock(&mut transaction, change).await?;
        let changed = self.perform(&mut transaction, caller, change).await?;
        let stored = transaction.store_response(key, changed).await?;
        transaction.commit().await?;
        lease.release();
        Ok((stored, ResponseSource::Performed))
    }

    /// Locks what the change is about, and the caller, and checks that the caller may administer.
    async fn lock(
        &self,
        transaction: &mut ChangeTransaction<'_>,
        change: &Change,
    ) -> Result<(), ServiceError> {
        match change {
            Change::UpdateMe(_) => {}
            Change::RemoveMember { id, preconditions: _ } => transaction.lock_for_removal(*id).await?,
            Change::UpdateOrganization { patch: _, preconditions: _ }
            | Change::UpdateMember { id: _, change: _, preconditions: _ }
            | Change::CreateInvitation(_)
            | Change::WithdrawInvitation { id: _ } => transaction.lock_organization().await?,
        }
        let caller = transaction.lock_caller().await?;
        if change.is_administration() && self.require_verified_email && !caller.is_verified {
            return Err(Refusal::EmailNotVerified.into());
        }
        Ok(())
    }

    /// Checks the caller of a read, or of a replay from memory.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(super) async fn check_caller(&self, caller: &Identity) -> Result<(), ServiceError> {
        if self.store.validate(caller, None).await? { Ok(()) } else { Err(Refusal::TokenOutdated.into()) }
    }

    /// Returns the ID of what was changed.
    async fn perform(
        &self,
        transaction: &mut ChangeTransaction<'_>,
        caller: &Identity,
        change: &Change,
    ) -> Result<Uuid, ServiceError> {
        match change {
            Change::UpdateMe(patch) => {
                transaction.update_profile(patch).await?;
                Ok(caller.user_id)
            }
            Change::UpdateOrganization { patch, preconditions } => {
                transaction.change_settings(patch.clone(), preconditions).await?;
                Ok(caller.organization_id)
            }
            Change::UpdateMember { id, change, preconditions } => {
                transaction.change_member(*id, *change, preconditions).await?;
                Ok(*id)
            }
            Change::RemoveMember { id, preconditions } => {
                transaction.remove_member(*id, preconditions, self.throttle.account_keys()).await?;
                Ok(*id)
            }
            Change::CreateInvitation(invitation) => transaction.create_invitation(invitation).await,
            Change::WithdrawInvitation { id } => {
                transaction.withdraw_invitation(*id).await?;
                Ok(*id)
            }
        }
    }
}
