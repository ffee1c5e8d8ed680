//! Finding one event.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::{Event, Identity, Refusal};
use uuid::Uuid;

use super::Events;

impl Events {
    /// The event, if the caller may see it.
    pub(crate) async fn find(&self, caller: &Identity, id: Uuid) -> Result<Event, ServiceError> {
        Ok(self.store.find(caller, id).await?.ok_or(Refusal::EventUnknown)?)
    }
}
