//! How long a call may take and when it may be tried again.

use tokio::time::Instant;

/// Travels with a call as an extension of its request.
#[derive(Debug, Clone, Copy)]
pub struct CallPolicy {
    /// When the whole call is given up, waits between attempts included.
    pub deadline: Instant,
    /// Attempts at most, the first included.
    pub attempts: u32,
    /// Which failures are tried again.
    pub retry_on: RetryOn,
}

/// Which failures of an attempt may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// Only a connection that was never made: the call has no protection against happening twice.
    NotConnected,
    /// Also `UNAVAILABLE` and a connection that broke: the call is a read, or carries a key.
    Unavailable,
}
