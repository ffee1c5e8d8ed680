//! How long a call may take and when it may be retried.

use tokio::time::Instant;

/// The policy of a call. It is an extension of the request.
#[derive(Debug, Clone, Copy)]
pub struct CallPolicy {
    /// When the call ends, including all attempts and the delays between them.
    pub deadline: Instant,
    /// The maximum number of attempts, including the first.
    pub attempts: u32,
    /// Which failures are retried.
    pub retry_on: RetryOn,
}

/// Which failures of an attempt may be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// Only a call that certainly no replica performed. For calls that must not be performed twice.
    NotPerformed,
    /// Also `UNAVAILABLE` and a lost connection. For reads, and for writes with an idempotency key.
    Unavailable,
}
