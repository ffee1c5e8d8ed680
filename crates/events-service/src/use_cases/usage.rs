//! What an organization stores.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::{Identity, StorageUsage};

use super::EventUseCases;

impl EventUseCases {
    /// Returns what the caller's organization stores, at most about a minute old. `None` while it is counted for the first time, which
    /// takes longer than a second if there are many events.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn usage(&self, caller: &Identity) -> Result<Option<StorageUsage>, ServiceError> {
        self.store.check_caller(caller).await?;
        Ok(self.store.present_usage(caller.organization_id).await)
    }
}
