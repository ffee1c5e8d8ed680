//! Finds one event.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::{Event, Identity, Refusal};
use uuid::Uuid;

use super::EventUseCases;

impl EventUseCases {
    /// Returns the event.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated. `NotFound` when the event does not exist or the caller
    /// may not see it.
    pub(crate) async fn find(&self, caller: &Identity, id: Uuid) -> Result<Event, ServiceError> {
        self.store.check_caller(caller).await?;
        Ok(self.store.find(caller, id).await?.ok_or(Refusal::EventNotFound)?)
    }
}
