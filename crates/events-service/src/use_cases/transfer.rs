//! Hands the events of somebody over to a member.

use eventboard_chassis::{
    error::ServiceError,
    server::{Deadline, Origin},
};
use eventboard_domain::{Identity, Refusal, Violations};
use eventboard_idempotency::{
    Fingerprint, RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse,
};
use eventboard_proto::events::TransferReply;
use prost::Message;
use uuid::Uuid;

use super::EventUseCases;
use crate::store::EventTransaction;

/// The name of the gRPC method, which is part of the idempotency key's scope.
const METHOD: &str = "Transfer";

/// The validated input for a transfer.
#[derive(Debug)]
pub(crate) struct TransferCommand {
    /// The present owner, who may have been deleted.
    pub from: Uuid,
    /// The new owner.
    pub to: Uuid,
    pub key: RequestKey,
}

impl EventUseCases {
    /// Hands events over, once for each key.
    ///
    /// # Errors
    /// `AdminRequired` and `EmailNotVerified` when the caller may not administer the organization; `MemberNotFound` when the
    /// organization has no such member and no events of theirs; `InvalidInput` when the new owner is not a member.
    pub(crate) async fn transfer(
        &self,
        caller: &Identity,
        command: TransferCommand,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<WriteResponse, ServiceError> {
        let TransferCommand { from, to, key } = command;
        if from == to {
            return Err(Violations::one("to", "must be somebody else").into());
        }
        let fingerprint = Fingerprint::of(METHOD)
            .text("from", Some(&from.to_string()))
            .text("to", Some(&to.to_string()))
            .finish();
        let key = self.idempotency.scoped_key(caller, METHOD, key, fingerprint);
        self.idempotency
            .perform_once(
                &key,
                || self.transfer_in_transaction(caller, (from, to), &key, origin, deadline),
                || async {
                    self.store.check_caller(caller).await?;
                    Ok(caller.require_admin()?)
                },
            )
            .await
    }

    async fn transfer_in_transaction(
        &self,
        caller: &Identity,
        (from, to): (Uuid, Uuid),
        key: &ScopedKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        let mut lease = self.store.acquire(caller.organization_id).await?;
        let mut transaction = EventTransaction::begin(&mut lease, deadline).await?;
        let claimed = transaction.claim_key(key).await?;
        // After the caller, whose role may have changed since the token was issued.
        caller.require_admin()?;
        if let Some(stored) = claimed {
            transaction.commit().await?;
            lease.release();
            return Ok((stored, ResponseSource::Database));
        }
        if self.require_verified_email && !transaction.has_verified_email(caller).await? {
            return Err(Refusal::EmailNotVerified.into());
        }
        let owners = transaction.lock_owners(caller, from, to).await?;
        if !owners.to_is_member {
            return Err(Violations::one("to", "must be a member of the organization").into());
        }
        let transferred = transaction.transfer(caller, from, to, origin, deadline).await?;
        let has_more = transaction.owns_events(caller, from).await?;
        if transferred == 0 && !owners.from_is_member {
            return Err(Refusal::MemberNotFound.into());
        }
        let response = TransferReply { transferred, has_more, replayed: false }.encode_to_vec();
        let stored = transaction.store_response(key, response).await?;
        transaction.commit().await?;
        lease.release();
        Ok((stored, ResponseSource::Performed))
    }
}
