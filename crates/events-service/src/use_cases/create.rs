//! Creates an event.

use std::time::Instant;

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_domain::{Event, Identity, NewEvent, Preconditions};
use eventboard_idempotency::{RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse};
use uuid::Uuid;

use super::{EventUseCases, now};
use crate::{
    fingerprint, message,
    store::{self, EventTransaction},
};

/// The name of the gRPC method, which is part of the idempotency key's scope.
const METHOD: &str = "Create";

/// The validated input for a new event.
#[derive(Debug)]
pub(crate) struct CreateCommand {
    pub content: NewEvent,
    pub preconditions: Preconditions,
    pub key: RequestKey,
}

impl EventUseCases {
    /// Creates a draft for the caller, once for each key.
    pub(crate) async fn create(
        &self,
        caller: &Identity,
        command: CreateCommand,
        deadline: Deadline,
    ) -> Result<WriteResponse, ServiceError> {
        let CreateCommand { content, preconditions, key } = command;
        let fingerprint = fingerprint::of_create(METHOD, &preconditions, &content);
        let key = self.idempotency.scoped_key(caller, METHOD, key, fingerprint);
        self.idempotency
            .perform_once(
                &key,
                || self.insert_draft(caller, &content, &preconditions, &key, deadline),
                || self.store.check_caller(caller),
            )
            .await
    }

    /// Inserts the draft, if the preconditions and the quotas allow it. Any member may create events, so there is no permission to check. The
    /// response can be encoded before the insert, because this service creates all values of the event itself.
    async fn insert_draft(
        &self,
        caller: &Identity,
        content: &NewEvent,
        preconditions: &Preconditions,
        key: &ScopedKey,
        deadline: Deadline,
    ) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        let usage = self.store.usage(caller.organization_id).await;
        let mut lease = self.store.acquire(caller.organization_id).await?;
        let began = Instant::now();
        // Created after the wait for a connection, so that `created_at` is close to the time of the insert.
        let event = Event::draft(Uuid::now_v7(), caller, content, now());
        let response = message::encode_response(Some(&event));
        let reserve = |()| usage.reserve(&self.quotas, event.creation_growth(&response));
        let (stored, source) = match preconditions.check_creation().and_then(reserve) {
            Ok(reserved) => {
                let (stored, source) = store::create(lease, &event, &response, key, deadline).await?;
                if source == ResponseSource::Performed {
                    reserved.finish(());
                }
                (stored, source)
            }
            // The event may have been created by an earlier request with this key, or another replica may be creating it now.
            // Claiming the key waits for that replica. A refused request does not use up its key, because the
            // transaction is rolled back.
            Err(refusal) => {
                let mut transaction = EventTransaction::begin(&mut lease, deadline).await?;
                let stored = transaction.claim_key(key).await?.ok_or(refusal)?;
                transaction.commit().await?;
                lease.release();
                (stored, ResponseSource::Database)
            }
        };
        self.store.confirm_caller(caller, began);
        Ok((stored, source))
    }
}
