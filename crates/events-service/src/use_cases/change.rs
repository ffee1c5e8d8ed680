//! Changes an event: update, delete, submit, approve, reject.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_domain::{EventChange, Identity, IfMatch, Refusal};
use eventboard_idempotency::{RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse};
use uuid::Uuid;

use super::{EventUseCases, now};
use crate::{fingerprint, message, store::EventTransaction};

/// The validated input for a change.
#[derive(Debug)]
pub(crate) struct ChangeCommand {
    pub id: Uuid,
    pub if_match: Option<IfMatch>,
    pub change: EventChange,
    pub key: RequestKey,
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
        caller: &Identity,
        command: ChangeCommand,
        deadline: Deadline,
    ) -> Result<WriteResponse, ServiceError> {
        let ChangeCommand { id, if_match, change, key } = command;
        let if_match = if_match.as_ref();
        let method = method(&change);
        let fingerprint = fingerprint::of_change(method, id, if_match, &change);
        let key = self.idempotency.scoped_key(caller.user_id, method, key, fingerprint);
        self.idempotency
            .perform_once(&key, || self.change_in_transaction(caller, id, if_match, &change, &key, deadline))
            .await
    }

    /// Writes the key, the effect and the history in one transaction. If the domain rejects the change, the whole
    /// transaction is rolled back, so the key stays free.
    ///
    /// The key is claimed before the event is loaded. Otherwise the second of two identical submits would find that
    /// the event is already submitted, and would get 409 instead of the stored response.
    async fn change_in_transaction(
        &self,
        caller: &Identity,
        id: Uuid,
        if_match: Option<&IfMatch>,
        change: &EventChange,
        key: &ScopedKey,
        deadline: Deadline,
    ) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        let mut lease = self.store.acquire().await?;
        let mut transaction = EventTransaction::begin(&mut lease, deadline).await?;
        let outcome = match transaction.claim_key(key).await? {
            Some(stored) => (stored, ResponseSource::Database),
            None => {
                let event = transaction.find_for_update(caller, id).await?.ok_or(Refusal::EventNotFound)?;
                let effect = change.decide(caller, if_match, event, now())?;
                transaction.write(caller, &effect).await?;
                let response = message::encode_response(effect.into_event());
                (transaction.store_response(key, response).await?, ResponseSource::Performed)
            }
        };
        transaction.commit().await?;
        lease.release();
        Ok(outcome)
    }
}
