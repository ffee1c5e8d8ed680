//! Signup.

use eventboard_chassis::{error::ServiceError, server::Deadline};

use super::{AuthUseCases, Session};
use crate::user::NewUser;

impl AuthUseCases {
    /// Creates a user and returns a session.
    ///
    /// # Errors
    /// When the organization does not allow open signup, or the e-mail address or the organization's name is taken.
    pub(crate) async fn signup(
        &self,
        new_user: NewUser,
        deadline: Deadline,
    ) -> Result<Session, ServiceError> {
        // A signup that must fail is rejected before its password is hashed. Two concurrent signups can both pass
        // this check, so database constraints decide which one succeeds.
        let preconditions = self.store.signup_preconditions(&new_user).await?;
        new_user.membership.check(&preconditions)?;
        let password_hash = self.passwords.hash(&new_user.password).await?;
        let user = self.store.create_user(new_user, &password_hash, deadline).await?;
        tracing::info!(user_id = %user.id, organization_id = %user.organization_id, role = %user.role, "Signed up");
        self.session(user)
    }
}
