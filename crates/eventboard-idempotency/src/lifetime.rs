//! How long a client's key is stored.

use std::time::Duration;

use eventboard_chassis::config::{Env, days};

/// The range of `IDEMPOTENCY_TTL`.
const MIN_LIFETIME: Duration = Duration::from_secs(1);
const MAX_LIFETIME: Duration = days(365);

/// Reads `IDEMPOTENCY_TTL` (default 24h): how long a client's idempotency key is stored.
pub fn key_lifetime_from_env(env: &mut Env) -> Duration {
    env.duration("IDEMPOTENCY_TTL", days(1), MIN_LIFETIME..=MAX_LIFETIME)
}
