//! Creates an event.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_domain::{Event, Identity, NewEvent};
use eventboard_idempotency::{RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse};
use uuid::Uuid;

use super::{EventUseCases, now};
use crate::{fingerprint, message, store};

/// The name of the gRPC method, which is part of the idempotency key's scope.
const METHOD: &str = "Create";

/// The validated input for a new event.
#[derive(Debug)]
pub(crate) struct CreateCommand {
    pub content: NewEvent,
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
        let CreateCommand { content, key } = command;
        let fingerprint = fingerprint::of_create(METHOD, &content);
        let key = self.idempotency.scoped_key(caller.user_id, METHOD, key, fingerprint);
        self.idempotency.perform_once(&key, || self.insert_draft(caller, &content, &key, deadline)).await
    }

    /// Inserts the draft. Any member may create events, so there is no permission to check. The response can be
    /// encoded before the insert, because this service creates all values of the event itself.
    async fn insert_draft(
        &self,
        caller: &Identity,
        content: &NewEvent,
        key: &ScopedKey,
        deadline: Deadline,
    ) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        let lease = self.store.acquire().await?;
        // Created after the wait for a connection, so that `created_at` is close to the time of the insert.
        let event = Event::draft(Uuid::now_v7(), caller, content, now());
        let response = message::encode_response(Some(event.clone()));
        store::create(lease, &event, &response, key, deadline).await
    }
}
