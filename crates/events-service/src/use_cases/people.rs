//! How people are called.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Identity;
use uuid::Uuid;

use super::EventUseCases;
use crate::person::Person;

impl EventUseCases {
    /// Returns those of the people whose events the caller sees. A MODERATOR or an ADMIN sees all members, too, and everybody
    /// who did something in the organization.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn people(&self, caller: &Identity, ids: &[Uuid]) -> Result<Vec<Person>, ServiceError> {
        self.store.check_caller(caller).await?;
        self.store.people(caller, ids).await
    }
}
