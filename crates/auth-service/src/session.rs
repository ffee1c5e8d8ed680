//! Sessions and the tokens that they are used with.

use std::time::Duration;

use chrono::{DateTime, Utc};
use eventboard_chassis::{
    browser_secret::BrowserSecret,
    config::{Env, days},
    refresh_token::{RefreshKeyName, RefreshKeys, SessionSeed},
};
use eventboard_domain::TokenSession;
use secrecy::SecretString;
use uuid::Uuid;

use crate::user::{Organization, User};

/// The range of `REFRESH_EXPIRY` and `SESSION_MAX_AGE`.
const MIN_EXPIRY: Duration = Duration::from_secs(60);
const MAX_EXPIRY: Duration = days(365);

/// The longest `REFRESH_GRACE`.
const MAX_GRACE: Duration = Duration::from_secs(60);

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct SessionConfig {
    /// `REFRESH_EXPIRY` (default 30d): a session that is not refreshed for so long ends.
    pub refresh_expiry: Duration,
    /// `SESSION_MAX_AGE` (default 90d): a session ends after this time, however often it is refreshed.
    pub max_age: Duration,
    /// `REFRESH_GRACE` (default 10s): how long a refresh token is accepted after the next one was seen in use.
    pub grace: Duration,
}

impl SessionConfig {
    /// Reads the three variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            refresh_expiry: env.duration("REFRESH_EXPIRY", days(30), MIN_EXPIRY..=MAX_EXPIRY),
            max_age: env.duration("SESSION_MAX_AGE", days(90), MIN_EXPIRY..=MAX_EXPIRY),
            grace: env.duration("REFRESH_GRACE", Duration::from_secs(10), Duration::ZERO..=MAX_GRACE),
        }
    }
}

/// The rules of all sessions.
pub(crate) struct SessionRules {
    /// How long they last.
    pub config: SessionConfig,
    /// With what their refresh tokens are made.
    pub keys: RefreshKeys,
}

/// What a new session is opened with.
#[derive(Clone, Copy)]
pub(crate) struct NewSession<'a> {
    pub rules: &'a SessionRules,
    /// `None`: it has refresh tokens.
    pub browser_secret: Option<&'a BrowserSecret>,
}

/// A session that has not ended.
pub(crate) struct Session {
    pub id: Uuid,
    pub seed: SessionSeed,
    /// The key of the current generation.
    pub key: RefreshKeyName,
    pub generation: i32,
    /// The time until it ends, unless it is refreshed.
    pub left: Duration,
}

impl Session {
    /// What an access token says about the session.
    pub(crate) fn token_session(&self) -> TokenSession {
        TokenSession::Session { id: self.id, generation: self.generation }
    }
}

/// An access token of a session.
pub(crate) struct Access {
    pub token: String,
    /// The lifetime of the access token.
    pub expires_in: Duration,
    /// The time until the session ends, unless it is continued.
    pub session_expires_in: Duration,
}

/// The tokens of a generation of a session.
pub(crate) struct Tokens {
    pub access: Access,
    pub refresh_token: SecretString,
}

/// What a client continues its session with.
pub(crate) enum Credential {
    RefreshToken(SecretString),
    BrowserSecret(SecretString),
}

/// A user who has signed up or logged in.
pub(crate) struct SignedIn {
    pub user: User,
    pub access: Access,
    pub credential: Credential,
}

/// A browser session that has not ended, with what every page of the board shows.
pub(crate) struct BrowserSession {
    pub user: User,
    pub organization: Organization,
    pub organization_time_zone: String,
    /// What an access token says about the session.
    pub token_session: TokenSession,
    /// The time until it ends, unless it is used.
    pub left: Duration,
}

/// A browser session in use.
pub(crate) struct BrowserAccess {
    pub access: Access,
    pub session: BrowserSession,
}

/// A session as its user sees it.
pub(crate) struct ListedSession {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub client: Option<String>,
    pub address: String,
}
