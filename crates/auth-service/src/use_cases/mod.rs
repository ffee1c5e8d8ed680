//! The service's use cases, one per file. Each one asks the domain for a decision and reads or writes through the
//! store.

mod audit;
mod login;
mod me;
mod notifications;
mod signup;

use eventboard_chassis::{error::ServiceError, token::TokenIssuer, unsubscribe_token::UnsubscribeVerifier};
use eventboard_domain::Quotas;

use crate::{password::Passwords, store::Store, user::User};

/// The use cases and their dependencies.
pub(crate) struct AuthUseCases {
    pub store: Store,
    pub passwords: Passwords,
    pub issuer: TokenIssuer,
    pub unsubscribe_verifier: UnsubscribeVerifier,
    pub quotas: Quotas,
}

/// The result of a signup or a login.
pub(crate) struct Session {
    pub user: User,
    pub access_token: String,
}

impl AuthUseCases {
    fn session(&self, user: User) -> Result<Session, ServiceError> {
        let access_token =
            self.issuer.issue(&user.identity(), &user.email).map_err(ServiceError::internal)?;
        Ok(Session { user, access_token })
    }
}
