//! Accounts: who may sign up and log in, and whose token still counts.

use eventboard_chassis::{
    error::ServiceError,
    server::Deadline,
    token::{Identity, TokenIssuer},
};
use uuid::Uuid;

use crate::{
    password::Passwords,
    refusal,
    store::{Credentials, Obstacles, Store},
    user::{Login, Membership, Newcomer, Organization, User},
};

/// Signs users up and in.
pub(crate) struct Accounts {
    pub store: Store,
    pub passwords: Passwords,
    pub issuer: TokenIssuer,
}

/// What a signup or login ends with.
pub(crate) struct Session {
    pub user: User,
    pub access_token: String,
}

impl Accounts {
    /// Makes a newcomer a user.
    ///
    /// # Errors
    /// When the organization does not take newcomers, or the e-mail address or the organization's
    /// name is taken.
    pub(crate) async fn signup(
        &self,
        newcomer: Newcomer,
        deadline: Deadline,
    ) -> Result<Session, ServiceError> {
        // A refusal that can be foreseen costs no hash. Whoever comes at the same moment passes here
        // and is decided on by the constraints of the database.
        let obstacles = self.store.obstacles(&newcomer).await?;
        refuse_obstacles(&newcomer.membership, obstacles)?;
        let password_hash = self.passwords.hash(&newcomer.password).await?;
        let user = self.store.create_user(newcomer, &password_hash, deadline).await?;
        tracing::info!(user_id = %user.id, organization_id = %user.organization_id, role = %user.role, "Signed up");
        self.session(user)
    }

    /// Exchanges e-mail address and password for a session.
    ///
    /// # Errors
    /// `Unauthenticated`, in the same words and after the same work, for an unknown user, a disabled
    /// one and a wrong password.
    pub(crate) async fn login(&self, login: Login) -> Result<Session, ServiceError> {
        let credentials = self.store.credentials(&login.email).await?;
        let hash = credentials.as_ref().map(|credentials| &*credentials.password_hash);
        let matches = self.passwords.verify(&login.password, hash).await?;
        let credentials = admit(credentials, matches)?;
        self.strengthen(&credentials, &login).await;
        tracing::info!(user_id = %credentials.user.id, "Logged in");
        self.session(credentials.user)
    }

    /// The user that a token speaks for, with the organization.
    ///
    /// # Errors
    /// `Unauthenticated` when the user is gone or disabled, or has another role or organization by now.
    pub(crate) async fn me(&self, identity: &Identity) -> Result<(User, Organization), ServiceError> {
        self.store.member(identity).await?.ok_or_else(refusal::token_outdated)
    }

    /// Hashes a password anew when its hash is weaker than those that are made now. It is the only
    /// moment at which the password is known. The login does not depend on it.
    async fn strengthen(&self, credentials: &Credentials, login: &Login) {
        if !self.passwords.is_weak(&credentials.password_hash) {
            return;
        }
        let user_id = credentials.user.id;
        match self.rehash(user_id, credentials, login).await {
            Ok(()) => tracing::info!(%user_id, "Password hash strengthened"),
            Err(error) => tracing::warn!(%user_id, %error, "Password hash could not be strengthened"),
        }
    }

    async fn rehash(
        &self,
        user_id: Uuid,
        credentials: &Credentials,
        login: &Login,
    ) -> Result<(), ServiceError> {
        let stronger = self.passwords.hash(&login.password).await?;
        self.store.replace_hash(user_id, &credentials.password_hash, &stronger).await
    }

    fn session(&self, user: User) -> Result<Session, ServiceError> {
        let access_token =
            self.issuer.issue(&user.identity(), &user.email).map_err(ServiceError::internal)?;
        Ok(Session { user, access_token })
    }
}

/// The order of the answers is the API's: 404, 403, 409.
fn refuse_obstacles(membership: &Membership, obstacles: Obstacles) -> Result<(), ServiceError> {
    match (membership, obstacles.open_signup) {
        (Membership::Join(_), None) => Err(refusal::organization_unknown()),
        (Membership::Join(_), Some(false)) => Err(refusal::organization_closed()),
        (Membership::Found { name, .. }, _) if obstacles.slug_taken => Err(refusal::organization_taken(name)),
        _ if obstacles.email_taken => Err(refusal::email_taken()),
        _ => Ok(()),
    }
}

/// Decides on a login after the password was verified, so that every refusal took the same work.
fn admit(credentials: Option<Credentials>, password_matches: bool) -> Result<Credentials, ServiceError> {
    let Some(credentials) = credentials else {
        tracing::info!(reason = "unknown user", "Login refused");
        return Err(refusal::wrong_credentials());
    };
    let reason = match (password_matches, credentials.disabled) {
        (false, _) => "wrong password",
        (true, true) => "disabled user",
        (true, false) => return Ok(credentials),
    };
    tracing::info!(user_id = %credentials.user.id, reason, "Login refused");
    Err(refusal::wrong_credentials())
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::error::ErrorCode;

    use super::*;

    #[test]
    fn obstacles_are_told_in_the_order_404_403_409() {
        let join = Membership::Join(Uuid::now_v7());
        let found = Membership::Found { name: "Acme".into(), slug: "acme".into() };
        let told = |membership, open_signup, slug_taken, email_taken| {
            let obstacles = Obstacles { open_signup, slug_taken, email_taken };
            refuse_obstacles(membership, obstacles).err().map(|error| error.code())
        };
        for (membership, open, slug_taken, email_taken, expected) in [
            (&join, None, false, true, Some(ErrorCode::NotFound)),
            (&join, Some(false), false, true, Some(ErrorCode::Forbidden)),
            (&join, Some(true), false, true, Some(ErrorCode::AlreadyExists)),
            (&join, Some(true), false, false, None),
            (&found, None, true, false, Some(ErrorCode::AlreadyExists)),
            (&found, None, false, true, Some(ErrorCode::AlreadyExists)),
            (&found, None, false, false, None),
        ] {
            assert_eq!(told(membership, open, slug_taken, email_taken), expected);
        }
    }
}
