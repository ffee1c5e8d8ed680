//! What searches may take: a number at the same time, in all and for one organization, and a time.

use std::{sync::Arc, time::Duration};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    fairness::{Client, FairLimits, FairPermit, FairSemaphore, Refused},
    server::{Deadline, shed_requests},
};
use metrics::Counter;

/// How long one search may take, from the moment when it gets a permit. It is well below the shortest deadline. A search
/// that reads what its steps may read usually takes a few hundredths of this time.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a search waits for a permit.
const WAIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Limits the searches of a process. The other connections stay free for reads and writes of single events.
#[derive(Clone)]
pub(super) struct SearchBudget {
    permits: FairSemaphore,
    shed: ShedCounters,
}

#[derive(Clone)]
struct ShedCounters {
    concurrency: Counter,
    time: Counter,
    rows: Counter,
}

/// A search in progress.
pub(super) struct Search {
    permit: Arc<FairPermit>,
    /// When its statements end.
    pub deadline: Deadline,
    /// Whether that is before the caller stops waiting.
    is_shorter: bool,
    shed: ShedCounters,
}

impl SearchBudget {
    /// Half of the connections, rounded up, are for searches. While several organizations search, one has at most a quarter of
    /// these. Sixteen times as many searches may wait, and eight times as many of one organization: those get permits within
    /// [`WAIT_TIMEOUT`] if each takes a few milliseconds, as most do.
    pub(super) fn new(connections: u32) -> Self {
        let permits = (connections as usize).div_ceil(2);
        let limits = FairLimits { permits, waiting: 16 * permits, per_client: 8 * permits };
        let shed = ShedCounters {
            concurrency: shed_requests("search_concurrency"),
            time: shed_requests("search_time"),
            rows: shed_requests("search_rows"),
        };
        Self { permits: FairSemaphore::new(limits), shed }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// `Overloaded` when too many searches are in progress, of all organizations or of this one.
    pub(super) async fn begin(&self, client: Client, deadline: Deadline) -> Result<Search, ServiceError> {
        let permit = tokio::time::timeout(WAIT_TIMEOUT, self.permits.acquire(client)).await;
        let permit = match permit {
            Ok(Ok(permit)) => permit,
            Ok(Err(Refused::QueueFull)) | Err(_) => {
                self.shed.concurrency.increment(1);
                return Err(busy());
            }
            Ok(Err(Refused::ClientHasItsShare)) => {
                self.shed.concurrency.increment(1);
                return Err(client.share_exhausted());
            }
        };
        let is_shorter = deadline.remaining() > SEARCH_TIMEOUT;
        let deadline = if is_shorter { Deadline::after(SEARCH_TIMEOUT) } else { deadline };
        Ok(Search { permit: Arc::new(permit), deadline, is_shorter, shed: self.shed.clone() })
    }
}

impl Search {
    /// The permit. A statement that is abandoned keeps it until it has ended.
    pub(super) fn permit(&self) -> Arc<FairPermit> {
        Arc::clone(&self.permit)
    }

    /// Refuses a search that would read more events than it may.
    pub(super) fn refuse_rows(&self) -> ServiceError {
        self.shed.rows.increment(1);
        too_broad()
    }

    /// Refuses a search whose time is over. Any other error is passed on.
    pub(super) fn explain(&self, error: ServiceError) -> ServiceError {
        if !self.is_shorter || error.code() != ErrorCode::DeadlineExceeded {
            return error;
        }
        self.shed.time.increment(1);
        too_broad().caused_by(error)
    }
}

fn busy() -> ServiceError {
    ServiceError::new(ErrorCode::Overloaded, "Too many searches are in progress. Try again shortly.")
}

fn too_broad() -> ServiceError {
    let message = "This search takes too long. Search for more of the text, set a status or narrower dates, or use cursor \
        instead of page.";
    ServiceError::new(ErrorCode::Overloaded, message)
}
