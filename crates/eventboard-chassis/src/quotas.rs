//! The settings that limit what every organization may store.

use eventboard_domain::Quotas;

use crate::config::Env;

/// The largest limits: more than one PostgreSQL can store. The sum of a limit and a growth thus fits into an integer.
const MAX_COUNT: i64 = 1_000_000_000_000;
const MAX_BYTES: i64 = 1_000_000_000_000_000;

/// Reads the limits:
///
/// - `MAX_EVENTS_PER_ORGANIZATION` (default 2000000): the number of events. Lists and searches are measured with a
///   million events in one organization.
/// - `MAX_BYTES_PER_ORGANIZATION` (default 4294967296, which is 4 GiB): the size of the texts of all events, the
///   history, and the idempotency keys with their stored responses, in bytes.
/// - `MAX_MEMBERS_PER_ORGANIZATION` (default 100000): the number of users.
pub fn quotas_from_env(env: &mut Env) -> Quotas {
    Quotas {
        events: env.number("MAX_EVENTS_PER_ORGANIZATION", 2_000_000, 1..=MAX_COUNT),
        bytes: env.number("MAX_BYTES_PER_ORGANIZATION", 4 * 1024 * 1024 * 1024, 1..=MAX_BYTES),
        members: env.number("MAX_MEMBERS_PER_ORGANIZATION", 100_000, 1..=MAX_COUNT),
    }
}
