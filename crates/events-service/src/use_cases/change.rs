//! Changes an event: update, delete, submit, approve, reject.

use std::time::Instant;

use eventboard_chassis::{correlation::CorrelationId, error::ServiceError, server::Deadline};
use eventboard_domain::{EventChange, Identity, Preconditions, Refusal};
use eventboard_idempotency::{RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse};
use uuid::Uuid;

use super::{EventUseCases, now};
use crate::{fingerprint, message, store::EventTransaction};

/// The validated input for a change.
#[derive(Debug)]
pub(crate) struct ChangeCommand {
    pub id: Uuid,
    pub preconditions: Preconditions,
    pub change: EventChange,
    pub key: RequestKey,
}

/// The call that asks for a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangeCall<'c> {
    pub caller: &'c Identity,
    pub deadline: Deadline,
    pub correlation: &'c CorrelationId,
}

/// Returns the name of the gRPC method, which is part of the idempotency key's scope.
fn method(change: &EventChange) -> &'static str {
    match change {
        EventChange::Update(_) => "Update",
        EventChange::Delete => "Delete",
        EventChange::Submit => "Submit",
        EventChange::Approve => "Approve",
        EventChange::Reject { reason: _ } => "Reject",
    }
}

impl EventUseCases {
    /// Performs the change once for each key.
    pub(crate) async fn change(
        &self,
        call: ChangeCall<'_>,
        command: ChangeCommand,
    ) -> Result<WriteResponse, ServiceError> {
        let ChangeCommand { id, preconditions, change, key } = command;
        let ChangeCall { caller, deadline: _, correlation: _ } = call;
        let method = method(&change);
        let fingerprint = fingerprint::of_change(method, id, &preconditions, &change);
        let key = self.idempotency.scoped_key(caller, method, key, fingerprint);
        self.idempotency
            .perform_once(
                &key,
                || self.change_in_transaction(call, id, &preconditions, &change, &key),
                || self.store.check_caller(caller),
            )
            .await
    }

    /// Writes the key, the effect, the history and the mail in one transaction. If the domain rejects the change, the whole
    /// transaction is rolled back, so the key stays free.
    ///
    /// The key is claimed before the event is loaded. Otherwise the second of two identical submits would find that
    /// the event is already submitted, and would get 409 instead of the stored response.
    async fn change_in_transaction(
        &self,
        call: ChangeCall<'_>,
        id: Uuid,
        preconditions: &Preconditions,
        change: &EventChange,
        key: &ScopedKey,
    ) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        let ChangeCall { caller, deadline, correlation } = call;
        let usage = self.store.usage(caller.organization_id).await;
        let mut lease = self.store.acquire(caller.organization_id).await?;
        let mut transaction = EventTransaction::begin(&mut lease, deadline).await?;
        let began = Instant::now();
        let claimed = transaction.claim_key(key).await?;
        self.store.confirm_caller(caller, began);
        if let Some(stored) = claimed {
            transaction.commit().await?;
            lease.release();
            return Ok((stored, ResponseSource::Database));
        }
        let event = transaction.find_for_update(caller, id).await?.ok_or(Refusal::EventNotFound)?;
        if self.require_verified_email
            && change.needs_verified_email(caller, &event)
            && !transaction.has_verified_email(caller).await?
        {
            return Err(Refusal::EmailNotVerified.into());
        }
        let usage_before = event.usage();
        let effect = change.decide(caller, preconditions, event, now())?;
        let response = message::encode_response(effect.event());
        let reserved = usage.reserve(&self.quotas, effect.growth(usage_before, &response))?;
        effect.check_dates().map_err(Refusal::from)?;
        transaction.write(caller, &effect, correlation).await?;
        let stored = transaction.store_response(key, response).await?;
        transaction.commit().await?;
        reserved.finish(());
        lease.release();
        Ok((stored, ResponseSource::Performed))
    }
}
