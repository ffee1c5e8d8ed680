//! Creating an event.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_domain::{Event, Identity, NewEvent};
use eventboard_idempotency::{Answer, GivenKey, Key, Source, Stored};
use uuid::Uuid;

use super::{Events, now};
use crate::{fingerprint, message, store};

/// The gRPC method, part of the scope of the key.
const METHOD: &str = "Create";

/// What a create asks for.
#[derive(Debug)]
pub(crate) struct Create {
    pub content: NewEvent,
    pub key: GivenKey,
}

impl Events {
    /// Makes the caller's draft, once for each key.
    pub(crate) async fn create(
        &self,
        caller: &Identity,
        create: Create,
        deadline: Deadline,
    ) -> Result<Answer, ServiceError> {
        let Create { content, key } = create;
        let fingerprint = fingerprint::of_create(METHOD, &content);
        let key = self.idempotency.key(caller.user_id, METHOD, key, fingerprint);
        self.idempotency.once(&key, || self.create_once(caller, &content, &key, deadline)).await
    }

    /// Any member may create, so there is nothing to find and to decide; and the response is known beforehand.
    async fn create_once(
        &self,
        caller: &Identity,
        content: &NewEvent,
        key: &Key,
        deadline: Deadline,
    ) -> Result<(Stored, Source), ServiceError> {
        let lease = self.store.acquire().await?;
        // Made after the wait for a connection, so that its time of creation is hardly older than its row.
        let event = Event::draft(Uuid::now_v7(), caller, content, now());
        let response = message::encode(Some(event.clone()));
        store::create(lease, &event, &response, key, deadline).await
    }
}
