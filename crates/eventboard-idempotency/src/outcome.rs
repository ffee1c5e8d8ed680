//! The outcomes of writes with an idempotency key, for logs and metrics.

use std::sync::LazyLock;

use metrics::Counter;

/// The outcome of a write with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOutcome {
    /// The write was performed.
    New,
    /// A repeated client request got the response from the database.
    Replayed,
    /// A repeated client request got the response from the cache.
    CacheHit,
    /// An internal retry got the response of an earlier attempt.
    Retried,
    /// The key was used for a different request.
    Conflict,
}

/// The counters of all outcomes.
static OUTCOMES: LazyLock<[Counter; KeyOutcome::ALL.len()]> = LazyLock::new(|| {
    KeyOutcome::ALL.map(
        |outcome| metrics::counter!("eventboard_idempotency_outcomes_total", "outcome" => outcome.name()),
    )
});

impl KeyOutcome {
    /// All outcomes, in declaration order.
    const ALL: [Self; 5] = [Self::New, Self::Replayed, Self::CacheHit, Self::Retried, Self::Conflict];

    /// Registers all counters, so that they are exported with the value zero.
    pub(crate) fn register() {
        LazyLock::force(&OUTCOMES);
    }

    pub(crate) fn count(self) {
        OUTCOMES[self as usize].increment(1);
    }

    /// Returns the name in logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Replayed => "replayed",
            Self::CacheHit => "cache_hit",
            Self::Retried => "retried",
            Self::Conflict => "conflict",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::New => "Idempotency: write performed, response stored",
            Self::Replayed => "Idempotency: response replayed, write not repeated",
            Self::CacheHit => "Idempotency: response replayed from memory, write not repeated",
            Self::Retried => "Idempotency: write already performed by an earlier attempt, not repeated",
            Self::Conflict => "Idempotency: the key was used for another request",
        }
    }
}
