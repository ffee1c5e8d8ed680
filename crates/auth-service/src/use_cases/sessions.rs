//! Sessions: refresh, logout, and what their user sees and ends.

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    refresh_token::{PresentedToken, TokenOrigin},
    server::{Deadline, Origin},
};
use eventboard_domain::{Identity, RefreshOutcome, Refusal, TokenSession};
use uuid::Uuid;

use super::AuthUseCases;
use crate::{
    session::{ListedSession, Session, Tokens},
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
        self.tokens(&user, &session)
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

    /// The tokens of the current generation of a session.
    pub(super) fn tokens(&self, user: &User, session: &Session) -> Result<Tokens, ServiceError> {
        let identity = user.identity(session.token_session());
        let origin =
            TokenOrigin { session_id: session.id, seed: &session.seed, generation: session.generation };
        // Without the key, the session was continued by a replica with a newer secret, and this one is about to end.
        let refresh_token =
            self.session_rules.keys.issue(&session.key, origin).ok_or(Refusal::RefreshTokenInvalid)?;
        Ok(Tokens {
            access_token: self.issuer.issue(&identity, &user.email).map_err(ServiceError::internal)?,
            refresh_token,
            // The token is not accepted after the end of its session.
            expires_in: self.issuer.lifetime().min(session.left),
            refresh_expires_in: session.left,
        })
    }
}
