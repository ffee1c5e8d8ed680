//! What the clients counted.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller's own account.
    Me,
    /// One event.
    Read,
    /// A page of events.
    List,
    /// A new event.
    Create,
    /// A draft is submitted.
    Submit,
}

impl Kind {
    /// Whether events-service does the work; if not, auth-service does.
    pub fn is_of_events(self) -> bool {
        self != Self::Me
    }

    /// Whether it changes something.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Submit)
    }
}

/// A request that was not answered with a success.
#[derive(Debug, Clone)]
pub struct Failure {
    /// When that was known.
    pub at: Instant,
    /// What was asked for.
    pub kind: Kind,
    /// None without an answer.
    pub status: Option<u16>,
    /// Whether it came with `Retry-After`.
    pub has_retry_after: bool,
    /// From the request until then.
    pub took: Duration,
    /// The body, or why there is none.
    pub text: String,
}

impl Failure {
    /// The status, or what there was instead of one.
    pub fn name(&self) -> String {
        self.status.map_or_else(|| "transport".to_owned(), |status| status.to_string())
    }
}

/// Every request of the load.
#[derive(Debug)]
pub struct Tally {
    /// When the load began.
    pub began: Instant,
    /// When it was told to end.
    pub ended: Instant,
    /// When each success was known.
    pub successes: Vec<(Instant, Kind)>,
    /// All others.
    pub failures: Vec<Failure>,
}

impl Tally {
    /// How many there were.
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

    /// From this moment until the first success of such a request.
    pub fn back_after(&self, moment: Instant, of: impl Fn(Kind) -> bool) -> Duration {
        let later = self.successes.iter().filter(|(at, kind)| *at > moment && of(*kind));
        later.map(|(at, _)| *at - moment).min().expect("a success after the fault")
    }

    /// Failures of requests that were sent after this moment.
    pub fn failures_after(&self, moment: Instant) -> usize {
        self.failures.iter().filter(|failure| failure.at - failure.took > moment).count()
    }

    /// Asserts that no request failed that was sent after this moment.
    pub fn assert_well_after(&self, moment: Instant) {
        let is_earlier = |failure: &Failure| failure.at - failure.took <= moment;
        assert!(self.failures.iter().all(is_earlier), "still failing:\n{}", self.excerpt_unless(is_earlier));
    }

    /// Asserts that at most this share of the requests failed.
    pub fn assert_failed_at_most(&self, share: f64) {
        let (failed, requests) = (self.failures.len() as f64, self.requests() as f64);
        assert!(failed <= share * requests, "{failed} of {requests} failed:\n{}", self.excerpt());
    }

    /// Asserts that every failure is an answer with one of these statuses, with `Retry-After` where that is owed.
    pub fn assert_only(&self, statuses: &[u16]) {
        let is_owed = |failure: &Failure| {
            let expected = failure.status.is_some_and(|status| statuses.contains(&status));
            expected && (failure.status != Some(503) || failure.has_retry_after)
        };
        assert!(
            self.failures.iter().all(is_owed),
            "not only {statuses:?}:\n{}",
            self.excerpt_unless(is_owed)
        );
    }

    fn excerpt(&self) -> String {
        self.excerpt_unless(|_| false)
    }

    fn excerpt_unless(&self, is_expected: impl Fn(&Failure) -> bool) -> String {
        let told = self.failures.iter().filter(|failure| !is_expected(failure)).take(20).map(|failure| {
            let Failure { kind, took, text, .. } = failure;
            let (at, name) = ((failure.at - self.began).as_secs_f64(), failure.name());
            format!("  after {at:.3} s: {kind:?}, {name} in {took:.1?}: {text}\n")
        });
        told.collect()
    }
}

/// A tally that all clients write.
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

    fn look<T>(&self, look: impl FnOnce(&Tally) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    /// The tally of the time until then.
    pub(super) fn finish(&self, ended: Instant) -> Tally {
        self.look(|tally| Tally {
            began: tally.began,
            ended,
            successes: tally.successes.iter().filter(|(at, _)| *at <= ended).copied().collect(),
            failures: tally.failures.iter().filter(|failure| failure.at <= ended).cloned().collect(),
        })
    }
}
