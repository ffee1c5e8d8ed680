//! The results of all requests that the load sends.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Request kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads the caller's own account.
    Me,
    /// Reads one event.
    Read,
    /// Reads a page of events.
    List,
    /// Creates an event.
    Create,
    /// Submits a draft.
    Submit,
}

impl Kind {
    /// Whether events-service serves the request. Otherwise auth-service serves it.
    pub fn is_served_by_events_service(self) -> bool {
        self != Self::Me
    }

    /// Whether the request changes data.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Submit)
    }
}

/// A request that did not succeed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// When the request failed.
    pub at: Instant,
    /// The kind of request.
    pub kind: Kind,
    /// The status, or `None` if there was no response.
    pub status: Option<u16>,
    /// Whether the response had a `Retry-After` header.
    pub has_retry_after: bool,
    /// The time from the start of the request to its failure.
    pub took: Duration,
    /// The body, or the reason why there was no response.
    pub text: String,
}

impl Failure {
    /// The status, or `transport` if there was no response.
    pub fn label(&self) -> String {
        self.status.map_or_else(|| "transport".to_owned(), |status| status.to_string())
    }
}

/// The results of all requests.
#[derive(Debug)]
pub struct Tally {
    /// When the load began.
    pub began: Instant,
    /// When the load was stopped.
    pub ended: Instant,
    /// The time and the kind of each successful request.
    pub successes: Vec<(Instant, Kind)>,
    /// All other requests.
    pub failures: Vec<Failure>,
}

impl Tally {
    /// The number of requests.
    pub fn requests(&self) -> usize {
        self.successes.len() + self.failures.len()
    }

    /// The longest time without any success.
    pub fn longest_gap(&self) -> Duration {
        let mut instants: Vec<_> = self.successes.iter().map(|(at, _)| *at).collect();
        instants.extend([self.began, self.ended]);
        instants.sort_unstable();
        instants.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// The time from this moment to the first successful request of these kinds.
    pub fn time_to_recover(&self, moment: Instant, is_included: impl Fn(Kind) -> bool) -> Duration {
        let later = self.successes.iter().filter(|(at, kind)| *at > moment && is_included(*kind));
        later.map(|(at, _)| *at - moment).min().expect("a success after the fault")
    }

    /// The number of failed requests that were sent after this moment.
    pub fn failures_after(&self, moment: Instant) -> usize {
        self.failures.iter().filter(|failure| failure.at - failure.took > moment).count()
    }

    /// Asserts that no request that was sent after this moment failed.
    pub fn assert_no_failures_after(&self, moment: Instant) {
        let is_earlier = |failure: &Failure| failure.at - failure.took <= moment;
        assert!(self.failures.iter().all(is_earlier), "still failing:\n{}", self.excerpt_unless(is_earlier));
    }

    /// Asserts that at most this share of the requests failed.
    pub fn assert_failure_share_at_most(&self, share: f64) {
        let (failed, requests) = (self.failures.len() as f64, self.requests() as f64);
        assert!(failed <= share * requests, "{failed} of {requests} failed:\n{}", self.excerpt());
    }

    /// Asserts that every failure has one of these statuses, and that every 503 has `Retry-After`.
    pub fn assert_only_statuses(&self, statuses: &[u16]) {
        let is_expected = |failure: &Failure| {
            let has_expected_status = failure.status.is_some_and(|status| statuses.contains(&status));
            has_expected_status && (failure.status != Some(503) || failure.has_retry_after)
        };
        assert!(
            self.failures.iter().all(is_expected),
            "failures other than {statuses:?}, or a 503 without Retry-After:\n{}",
            self.excerpt_unless(is_expected)
        );
    }

    fn excerpt(&self) -> String {
        self.excerpt_unless(|_| false)
    }

    fn excerpt_unless(&self, is_expected: impl Fn(&Failure) -> bool) -> String {
        let lines = self.failures.iter().filter(|failure| !is_expected(failure)).take(20).map(|failure| {
            let Failure { kind, took, text, .. } = failure;
            let (at, label) = ((failure.at - self.began).as_secs_f64(), failure.label());
            format!("  after {at:.3} s: {kind:?}, {label} in {took:.1?}: {text}\n")
        });
        lines.collect()
    }
}

/// A tally that all clients share.
#[derive(Clone)]
pub(super) struct SharedTally(Arc<Mutex<Tally>>);

impl Default for SharedTally {
    fn default() -> Self {
        let now = Instant::now();
        let tally = Tally { began: now, ended: now, successes: Vec::new(), failures: Vec::new() };
        Self(Arc::new(Mutex::new(tally)))
    }
}

impl SharedTally {
    pub(super) fn success(&self, kind: Kind) {
        self.0.lock().unwrap().successes.push((Instant::now(), kind));
    }

    pub(super) fn failure(&self, failure: Failure) {
        self.0.lock().unwrap().failures.push(failure);
    }

    /// The results up to this moment.
    pub(super) fn finish(&self, ended: Instant) -> Tally {
        let tally = self.0.lock().unwrap();
        Tally {
            began: tally.began,
            ended,
            successes: tally.successes.iter().filter(|(at, _)| *at <= ended).copied().collect(),
            failures: tally.failures.iter().filter(|failure| failure.at <= ended).cloned().collect(),
        }
    }
}
