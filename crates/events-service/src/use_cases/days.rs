//! What starts on each of several days.

use eventboard_chassis::error::ServiceError;

use super::EventUseCases;
use crate::days::{Day, DaysQuery};

impl EventUseCases {
    /// Returns the days in order, with the events that the caller may see.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn days(&self, query: &DaysQuery) -> Result<Vec<Day>, ServiceError> {
        self.store.check_caller(&query.caller).await?;
        self.store.days(query).await
    }
}
