//! The current user.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::{Identity, Refusal};

use super::AuthUseCases;
use crate::user::{Organization, User};

impl AuthUseCases {
    /// Returns the user in a token and the user's organization.
    ///
    /// # Errors
    /// `Unauthenticated` when the user was deleted or disabled, or now has another role or organization.
    pub(crate) async fn me(&self, identity: &Identity) -> Result<(User, Organization), ServiceError> {
        Ok(self.store.find_member(identity).await?.ok_or(Refusal::TokenOutdated)?)
    }
}
