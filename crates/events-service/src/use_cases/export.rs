//! A copy of what the caller wrote.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Identity;

use super::EventUseCases;
use crate::copy::{CopyPage, CopyPosition};

impl EventUseCases {
    /// Returns a page: events of the caller, or reasons that the caller has written.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn export(
        &self,
        caller: &Identity,
        after: CopyPosition,
    ) -> Result<CopyPage, ServiceError> {
        self.store.check_caller(caller).await?;
        match after {
            CopyPosition::Events(last) => self.store.copy_events(caller, last).await,
            CopyPosition::Reasons(last) => self.store.copy_reasons(caller, last).await,
        }
    }
}
