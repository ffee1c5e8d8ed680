//! A copy of what the caller wrote and did.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Identity;

use super::EventUseCases;
use crate::copy::{CopyPage, CopyPosition};

impl EventUseCases {
    /// Returns a page: events of the caller, or what the caller did to events.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn export(
        &self,
        caller: &Identity,
        after: CopyPosition,
    ) -> Result<CopyPage, ServiceError> {
        // Not from memory: the copy of somebody who was deleted meanwhile must not look complete.
        self.store.check_caller_now(caller).await?;
        match after {
            CopyPosition::Events(last) => self.store.copy_events(caller, last).await,
            CopyPosition::History(last) => self.store.copy_history(caller, last).await,
        }
    }
}
