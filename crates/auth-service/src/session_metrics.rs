//! The metrics of sessions.

use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::RefreshOutcome;
use metrics::Counter;

/// Counts sessions and refreshes.
pub(crate) struct SessionMetrics {
    pub opened: Counter,
    refreshed: Counter,
    repeated: Counter,
    reused: Counter,
    unknown: Counter,
    throttled: Counter,
}

impl SessionMetrics {
    pub(crate) fn new() -> Self {
        let refreshes = |outcome| metrics::counter!("eventboard_token_refreshes_total", "outcome" => outcome);
        Self {
            opened: metrics::counter!("eventboard_sessions_opened_total"),
            refreshed: refreshes("refreshed"),
            repeated: refreshes("repeated"),
            reused: refreshes("reused"),
            unknown: refreshes("unknown"),
            throttled: refreshes("throttled"),
        }
    }

    /// Counts a refresh.
    pub(crate) fn count(&self, outcome: RefreshOutcome) {
        let counter = match outcome {
            RefreshOutcome::Next => &self.refreshed,
            RefreshOutcome::Current => &self.repeated,
            RefreshOutcome::Reused => &self.reused,
            RefreshOutcome::Unknown => &self.unknown,
        };
        counter.increment(1);
    }

    /// Counts a refresh that was not tried because there were too many.
    pub(crate) fn count_refused(&self, error: &ServiceError) {
        if error.code() == ErrorCode::Throttled {
            self.throttled.increment(1);
        }
    }
}
