//! Accounts: who may sign up and log in, and whose token still counts.

use eventboard_chassis::{error::ServiceError, server::Deadline, token::TokenIssuer};
use eventboard_domain::{Identity, LoginFailure, Refusal, admit};
use uuid::Uuid;

use crate::{
    password::Passwords,
    store::{Credentials, Store},
    user::{Login, Newcomer, Organization, User},
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
        newcomer.membership.check(&obstacles)?;
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
        let credentials = admitted(credentials, matches)?;
        self.strengthen(&credentials, &login).await;
        tracing::info!(user_id = %credentials.user.id, "Logged in");
        self.session(credentials.user)
    }

    /// The user that a token speaks for, with the organization.
    ///
    /// # Errors
    /// `Unauthenticated` when the user is gone or disabled, or has another role or organization by now.
    pub(crate) async fn me(&self, identity: &Identity) -> Result<(User, Organization), ServiceError> {
        Ok(self.store.member(identity).await?.ok_or(Refusal::TokenOutdated)?)
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

/// The credentials of a login that is admitted; why another one fails goes to the log alone.
fn admitted(credentials: Option<Credentials>, password_matches: bool) -> Result<Credentials, Refusal> {
    let state = credentials.as_ref().map(|credentials| credentials.state);
    admit(state, password_matches).map_err(|failure| refused(failure, credentials.as_ref()))?;
    credentials.ok_or(Refusal::WrongCredentials)
}

fn refused(failure: LoginFailure, credentials: Option<&Credentials>) -> Refusal {
    let user_id = credentials.map(|credentials| tracing::field::display(credentials.user.id));
    tracing::info!(user_id, reason = failure.reason(), "Login refused");
    failure.into()
}
