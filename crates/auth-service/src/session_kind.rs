//! How a client continues its session.

use eventboard_chassis::browser_secret::BrowserSecret;

/// What the client of a session is, as it says when it opens the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionKind {
    /// It continues the session with refresh tokens.
    RefreshTokens,
    /// The board, which continues the session with a browser secret.
    Browser,
}

impl SessionKind {
    /// Makes a secret, if a session of this kind has one.
    pub(crate) fn new_secret(self) -> Option<BrowserSecret> {
        match self {
            Self::RefreshTokens => None,
            Self::Browser => Some(BrowserSecret::generate()),
        }
    }
}
