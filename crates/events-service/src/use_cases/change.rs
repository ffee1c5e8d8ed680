//! Changing an event: update, delete, submit, approve, reject.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_domain::{EventChange, Identity, IfMatch, Refusal};
use eventboard_idempotency::{Answer, GivenKey, Key, Source, Stored};
use uuid::Uuid;

use super::{Events, now};
use crate::{fingerprint, message, store::EventTransaction};

/// What is asked for, of which event, on which condition.
#[derive(Debug)]
pub(crate) struct Change {
    pub id: Uuid,
    pub if_match: Option<IfMatch>,
    pub change: EventChange,
    pub key: GivenKey,
}

/// The gRPC method, part of the scope of the key.
fn method(change: &EventChange) -> &'static str {
    match change {
        EventChange::Update(_) => "Update",
        EventChange::Delete => "Delete",
        EventChange::Submit => "Submit",
        EventChange::Approve => "Approve",
        EventChange::Reject { reason: _ } => "Reject",
    }
}

impl Events {
    /// Makes the change, once for each key.
    pub(crate) async fn change(
        &self,
        caller: &Identity,
        change: Change,
        deadline: Deadline,
    ) -> Result<Answer, ServiceError> {
        let Change { id, if_match, change, key } = change;
        let if_match = if_match.as_ref();
        let method = method(&change);
        let fingerprint = fingerprint::of_change(method, id, if_match, &change);
        let key = self.idempotency.key(caller.user_id, method, key, fingerprint);
        self.idempotency.once(&key, || self.change_once(caller, id, if_match, &change, &key, deadline)).await
    }

    /// One transaction for the key, the effect and its history. A refusal rolls everything back and burns no key.
    ///
    /// The key comes first: of two identical submits, the second would otherwise find the event submitted.
    async fn change_once(
        &self,
        caller: &Identity,
        id: Uuid,
        if_match: Option<&IfMatch>,
        change: &EventChange,
        key: &Key,
        deadline: Deadline,
    ) -> Result<(Stored, Source), ServiceError> {
        let mut lease = self.store.acquire().await?;
        let mut transaction = EventTransaction::begin(&mut lease, deadline).await?;
        let outcome = match transaction.claim(key).await? {
            Some(stored) => (stored, Source::Database),
            None => {
                let event = transaction.find_locked(caller, id).await?.ok_or(Refusal::EventUnknown)?;
                let effect = change.decide(caller, if_match, event, now())?;
                transaction.write(caller, &effect).await?;
                let response = message::encode(effect.into_remaining());
                (transaction.answer(key, response).await?, Source::Performed)
            }
        };
        transaction.commit().await?;
        lease.release();
        Ok(outcome)
    }
}
