//! Sessions: refresh, logout, and what their user sees and ends.

use std::time::Duration;

use eventboard_chassis::{
    browser_secret::BrowserSecret,
    error::ServiceError,
    fairness::Client,
    refresh_token::{PresentedToken, TokenOrigin},
    server::{Deadline, Origin},
};
use eventboard_domain::{Identity, RefreshOutcome, Refusal, TokenSession};
use secrecy::SecretString;
use uuid::Uuid;

use super::AuthUseCases;
use crate::{
    session::{Access, BrowserAccess, Credential, ListedSession, Session, SignedIn, Tokens},
    store::Refreshed,
    user::User,
};

impl AuthUseCases {
    /// Exchanges a refresh token for the tokens of the next generation.
    ///
    /// # Errors
    /// `Unauthenticated` when the token is not genuine, or was replaced, or its session has ended; `Throttled` when the
    /// session was refreshed too often.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &str,
        client: Client,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Tokens, ServiceError> {
        let Some(token) = PresentedToken::parse(refresh_token) else {
            self.session_metrics.count(RefreshOutcome::Unknown);
            return Err(Refusal::RefreshTokenInvalid.into());
        };
        let refreshed = self.store.refresh(&token, &self.session_rules, client, origin, deadline).await;
        let refreshed = refreshed.inspect_err(|error| self.session_metrics.count_refused(error))?;
        let Refreshed { outcome, session } = refreshed;
        tracing::info!(session_id = %token.session_id, ?outcome, "Refresh token presented");
        self.session_metrics.count(outcome);
        let (user, session) = session.ok_or(Refusal::RefreshTokenInvalid)?;
        let access = self.access(&user, session.token_session(), session.left)?;
        Ok(Tokens { access, refresh_token: self.refresh_token(&session)? })
    }

    /// Exchanges the secret of a browser session for an access token.
    ///
    /// # Errors
    /// `Unauthenticated` when the secret is unknown, or its session has ended, or the user is disabled.
    pub(crate) async fn use_browser_session(
        &self,
        secret: &str,
        client: Client,
        origin: &Origin,
    ) -> Result<BrowserAccess, ServiceError> {
        let secret = BrowserSecret::parse(secret).ok_or(Refusal::TokenOutdated)?;
        let config = &self.session_rules.config;
        let session = self.store.use_browser_session(&secret.hash(), config, client, origin).await?;
        let session = session.ok_or(Refusal::TokenOutdated)?;
        let access = self.access(&session.user, session.token_session, session.left)?;
        Ok(BrowserAccess { access, session })
    }

    /// Ends the sessions of the refresh token and of the access token, whichever is genuine.
    ///
    /// # Errors
    /// `Unauthenticated` when neither is.
    pub(crate) async fn log_out(
        &self,
        caller: Option<Identity>,
        refresh_token: &str,
        client: Client,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let is_genuine = match PresentedToken::parse(refresh_token) {
            Some(token) => {
                self.store.log_out_with(&token, &self.session_rules.keys, client, origin, deadline).await?
            }
            None => false,
        };
        let Some(caller) = caller else {
            return if is_genuine { Ok(()) } else { Err(ServiceError::unauthenticated()) };
        };
        match caller.session {
            TokenSession::Session { id, generation: _ } => {
                self.store.log_out(&caller, id, origin, deadline).await
            }
            // Such a token cannot be ended alone.
            TokenSession::IssuedAt(_) => Ok(()),
        }
    }

    /// Lists the caller's sessions that have not ended.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn list_sessions(&self, caller: &Identity) -> Result<Vec<ListedSession>, ServiceError> {
        Ok(self.store.list_sessions(caller).await?.ok_or(Refusal::TokenOutdated)?)
    }

    /// Ends a session of the caller.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `NotFound` when the caller has no such session.
    pub(crate) async fn revoke_session(
        &self,
        caller: &Identity,
        session_id: Uuid,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.store.revoke_session(caller, session_id, origin, deadline).await
    }

    /// Ends all sessions of the caller but that of the token.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn revoke_other_sessions(
        &self,
        caller: &Identity,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.store.end_other_sessions(caller, origin, deadline).await
    }

    /// Checks that a token is right about its user and that its session has not ended.
    ///
    /// # Errors
    /// `Unauthenticated` otherwise.
    pub(crate) async fn validate(&self, caller: &Identity) -> Result<(), ServiceError> {
        let generation = match caller.session {
            TokenSession::Session { id: _, generation } => Some(generation),
            TokenSession::IssuedAt(_) => None,
        };
        match self.store.validate(caller, generation).await? {
            true => Ok(()),
            false => Err(Refusal::TokenOutdated.into()),
        }
    }

    /// What a user gets who has opened a session, which has this secret if it is a browser's.
    pub(super) fn signed_in(
        &self,
        user: User,
        session: &Session,
        secret: Option<&BrowserSecret>,
    ) -> Result<SignedIn, ServiceError> {
        let credential = match secret {
            None => Credential::RefreshToken(self.refresh_token(session)?),
            Some(secret) => Credential::BrowserSecret(secret.encode()),
        };
        let access = self.access(&user, session.token_session(), session.left)?;
        Ok(SignedIn { user, access, credential })
    }

    /// An access token for a session that ends after this time.
    fn access(&self, user: &User, session: TokenSession, left: Duration) -> Result<Access, ServiceError> {
        let token = self.issuer.issue(&user.identity(session), &user.email);
        Ok(Access {
            token: token.map_err(ServiceError::internal)?,
            // The token is not accepted after the end of its session.
            expires_in: self.issuer.lifetime().min(left),
            session_expires_in: left,
        })
    }

    /// The refresh token of the current generation of a session.
    fn refresh_token(&self, session: &Session) -> Result<SecretString, ServiceError> {
        let origin =
            TokenOrigin { session_id: session.id, seed: &session.seed, generation: session.generation };
        // Without the key, the session was continued by a replica with a newer secret, and this one is about to end.
        let token = self.session_rules.keys.issue(&session.key, origin);
        Ok(token.ok_or(Refusal::RefreshTokenInvalid)?)
    }
}
