//! The service's use cases, one per file. Each one asks the domain for a decision and reads or writes through the
//! store.

mod account;
mod audit;
mod change;
mod emails;
mod login;
mod me;
mod notifications;
mod organization;
mod password_check;
mod password_throttle;
mod passwords;
mod sessions;
mod signup;

use eventboard_chassis::{
    link_token::LinkVerifier, token::TokenIssuer, unsubscribe_token::UnsubscribeVerifier,
};
use eventboard_domain::Quotas;
use eventboard_idempotency::Idempotency;

pub(crate) use self::{account::AccountCopy, change::Changed, password_throttle::PasswordThrottle};
use crate::{password::Passwords, session::SessionRules, session_metrics::SessionMetrics, store::Store};

/// The use cases and their dependencies.
pub(crate) struct AuthUseCases {
    pub store: Store,
    pub passwords: Passwords,
    pub throttle: PasswordThrottle,
    pub issuer: TokenIssuer,
    pub session_rules: SessionRules,
    pub session_metrics: SessionMetrics,
    pub link_verifier: LinkVerifier,
    pub unsubscribe_verifier: UnsubscribeVerifier,
    pub idempotency: Idempotency,
    pub quotas: Quotas,
    pub require_verified_email: bool,
}
