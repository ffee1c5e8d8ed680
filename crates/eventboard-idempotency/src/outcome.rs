//! What became of a keyed write, for logs and metrics.

use std::sync::LazyLock;

use metrics::Counter;

/// What became of a keyed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    New,
    Replayed,
    CacheHit,
    Retried,
    Conflict,
}

/// Counters of what became of keyed writes.
static OUTCOMES: LazyLock<[Counter; Outcome::ALL.len()]> = LazyLock::new(|| {
    Outcome::ALL.map(
        |outcome| metrics::counter!("eventboard_idempotency_outcomes_total", "outcome" => outcome.name()),
    )
});

impl Outcome {
    /// In the order of the declaration.
    const ALL: [Self; 5] = [Self::New, Self::Replayed, Self::CacheHit, Self::Retried, Self::Conflict];

    /// Shows all counters from the start, at zero.
    pub(crate) fn register() {
        LazyLock::force(&OUTCOMES);
    }

    pub(crate) fn count(self) {
        OUTCOMES[self as usize].increment(1);
    }

    /// In logs and metrics.
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
            Self::New => "Idempotency: performed and remembered",
            Self::Replayed => "Idempotency: replayed, not performed again",
            Self::CacheHit => "Idempotency: replayed from memory, not performed again",
            Self::Retried => "Idempotency: an earlier attempt had the effect; not performed again",
            Self::Conflict => "Idempotency: the key was used for another request",
        }
    }
}
