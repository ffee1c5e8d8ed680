//! The retry policy: which failures are retried, how often and after which delay, within a budget.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use eventboard_chassis::{config::Env, grpc::grpc_code, metrics::at_each_scrape, server::MAX_DEADLINE};
use futures::future::BoxFuture;
use http::{Request, Response};
use metrics::Counter;
use rand::RngExt;
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower::retry::Policy;

use crate::{
    attempt::{RespondingReplica, TriedReplicas},
    budget::RetryBudget,
    error::CallError,
    policy::{CallPolicy, RetryOn},
};

/// The shortest configurable delay.
const MIN_DELAY: Duration = Duration::from_millis(1);

/// The delays between attempts, and the budget for all retries.
#[derive(Debug, Clone)]
pub struct RetryConfig {
    /// `RETRY_BASE` (default `100ms`, at most `RETRY_CAP`): the longest delay before the first retry. It doubles with
    /// each retry.
    pub base: Duration,
    /// `RETRY_CAP` (default `2s`): the longest delay before any retry.
    pub cap: Duration,
    /// `RETRY_BUDGET` (default 0.2): allowed retries as a ratio of the calls that the service answered in the last
    /// ten seconds.
    pub budget: f32,
    /// `RETRY_BUDGET_MIN` (default 10): retries per second that are always allowed.
    pub min_per_second: u32,
}

impl RetryConfig {
    /// Reads the `RETRY_*` variables.
    pub fn from_env(env: &mut Env) -> Self {
        let range = || MIN_DELAY..=MAX_DEADLINE;
        let base = env.duration("RETRY_BASE", Duration::from_millis(100), range());
        let cap = env.duration("RETRY_CAP", Duration::from_secs(2), range());
        if base > cap {
            env.report_invalid("RETRY_BASE", "must not be longer than RETRY_CAP");
        }
        Self {
            base,
            cap,
            budget: env.ratio("RETRY_BUDGET", 0.2),
            min_per_second: env.number("RETRY_BUDGET_MIN", 10, 0..=10_000),
        }
    }
}

/// The retry policy of one service. All its calls share the budget. Each call has its own clone with its own count.
#[derive(Clone)]
pub(crate) struct RetryPolicy {
    service: &'static str,
    base: Duration,
    cap: Duration,
    budget: Arc<RetryBudget>,
    counters: Arc<RetryCounters>,
    retries: u32,
}

struct RetryCounters {
    retries: Counter,
    exhausted: Counter,
}

impl RetryPolicy {
    pub(crate) fn new(service: &'static str, config: &RetryConfig) -> Self {
        let budget = Arc::new(RetryBudget::new(config.budget, config.min_per_second));
        let (gauge, weak_budget) = (
            metrics::gauge!("eventboard_client_retry_budget_left", "upstream" => service),
            Arc::downgrade(&budget),
        );
        at_each_scrape(move || {
            weak_budget.upgrade().inspect(|budget| gauge.set(budget.remaining())).is_some()
        });
        let counters = RetryCounters {
            retries: metrics::counter!("eventboard_client_retries_total", "upstream" => service),
            exhausted: metrics::counter!("eventboard_client_retry_budget_exhausted_total", "upstream" => service),
        };
        Self { service, base: config.base, cap: config.cap, budget, counters: Arc::new(counters), retries: 0 }
    }

    /// The delay before the next attempt. `None` when the failure is not retried.
    fn next_delay(&mut self, policy: CallPolicy, failure: Failure) -> Option<Duration> {
        if !failure.is_retryable(policy.retry_on) || self.retries + 1 >= policy.attempts {
            return None;
        }
        let delay = full_jitter(self.base, self.cap, self.retries);
        if Instant::now() + delay >= policy.deadline {
            return None;
        }
        if !self.budget.withdraw() {
            self.counters.exhausted.increment(1);
            tracing::warn!(target_service = self.service, "Retry refused: the retry budget is exhausted");
            return None;
        }
        self.retries += 1;
        Some(delay)
    }
}

impl Policy<Request<Bytes>, Response<Body>, CallError> for RetryPolicy {
    type Future = BoxFuture<'static, ()>;

    fn retry(
        &mut self,
        request: &mut Request<Bytes>,
        result: &mut Result<Response<Body>, CallError>,
    ) -> Option<Self::Future> {
        let failure = Failure::of(result);
        // Every response adds to the budget, except `UNAVAILABLE`: a service that is down must not earn retries.
        if result.is_ok() && failure != Some(Failure::Unavailable) {
            self.budget.deposit();
        }
        let failure = failure?;
        let policy = request.extensions().get::<CallPolicy>().copied()?;
        let delay = self.next_delay(policy, failure)?;
        let replica = failed_replica(result);
        if let Some(replica) = replica {
            request.extensions_mut().get_or_insert_default::<TriedReplicas>().0.push(replica);
        }
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        self.counters.retries.increment(1);
        tracing::warn!(
            target_service = self.service,
            method,
            replica = replica.map(tracing::field::display),
            attempt = self.retries + 1,
            wait_ms = delay.as_secs_f64() * 1000.0,
            cause = failure_cause(result),
            "Retry: an attempt failed and is repeated"
        );
        Some(Box::pin(tokio::time::sleep(delay)))
    }

    fn clone_request(&mut self, request: &Request<Bytes>) -> Option<Request<Bytes>> {
        Some(request.clone())
    }
}

/// The kinds of failure that the policy distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The call was never sent, or the replica refused it. No replica performed it.
    NotPerformed,
    /// The connection was lost, or the service responded `UNAVAILABLE`. The service may have performed the call.
    Unavailable,
    /// Any other failure. A retry would not help.
    Final,
}

impl Failure {
    fn of(result: &Result<Response<Body>, CallError>) -> Option<Self> {
        match result {
            Ok(response) => match grpc_code(response.headers()) {
                None | Some(Code::Ok) => None,
                Some(Code::Unavailable) => Some(Self::Unavailable),
                Some(_) => Some(Self::Final),
            },
            Err(CallError::NotConnected(_) | CallError::Refused { .. }) => Some(Self::NotPerformed),
            Err(CallError::ConnectionLost { .. }) => Some(Self::Unavailable),
            Err(
                CallError::DeadlineExceeded | CallError::HeadersTooLarge { .. } | CallError::Malformed(_),
            ) => Some(Self::Final),
        }
    }

    fn is_retryable(self, retry_on: RetryOn) -> bool {
        match (self, retry_on) {
            (Self::NotPerformed, RetryOn::NotPerformed | RetryOn::Unavailable) => true,
            (Self::Unavailable, RetryOn::Unavailable) => true,
            (Self::Unavailable, RetryOn::NotPerformed) | (Self::Final, _) => false,
        }
    }
}

/// "Full jitter": a random delay between zero and an exponentially growing bound. It spreads the retries of callers
/// that failed at the same time (AWS Architecture Blog, "Exponential Backoff And Jitter").
fn full_jitter(base: Duration, cap: Duration, retries: u32) -> Duration {
    let bound = base.saturating_mul(2u32.saturating_pow(retries)).min(cap);
    bound.mul_f64(rand::rng().random::<f64>())
}

fn failure_cause(result: &Result<Response<Body>, CallError>) -> String {
    match result {
        Ok(_) => "UNAVAILABLE".into(),
        Err(error) => error.to_string(),
    }
}

/// The replica on which the attempt failed. `None` when it was not sent to any.
fn failed_replica(result: &Result<Response<Body>, CallError>) -> Option<SocketAddr> {
    match result {
        Ok(response) => response.extensions().get().map(|RespondingReplica(replica)| *replica),
        Err(CallError::Refused { replica, .. } | CallError::ConnectionLost { replica, .. }) => Some(*replica),
        Err(
            CallError::NotConnected(_)
            | CallError::HeadersTooLarge { .. }
            | CallError::DeadlineExceeded
            | CallError::Malformed(_),
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::prelude::*;
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;

    fn config() -> RetryConfig {
        RetryConfig {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(2),
            budget: 0.2,
            min_per_second: 10,
        }
    }

    const REPLICA: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn not_connected() -> Result<Response<Body>, CallError> {
        Err(CallError::NotConnected("refused"))
    }

    fn refused() -> Result<Response<Body>, CallError> {
        Err(CallError::Refused { replica: REPLICA, cause: "refused stream".into() })
    }

    fn headers_too_large() -> Result<Response<Body>, CallError> {
        Err(CallError::HeadersTooLarge { bytes: 20_000 })
    }

    fn connection_lost() -> Result<Response<Body>, CallError> {
        Err(CallError::ConnectionLost { replica: REPLICA, cause: "connection reset".into() })
    }

    fn status(code: Code) -> Result<Response<Body>, CallError> {
        Ok(tonic::Status::new(code, "").into_http())
    }

    async fn count_attempts(policy: CallPolicy, outcome: fn() -> Result<Response<Body>, CallError>) -> u32 {
        let count = Arc::new(AtomicU32::new(0));
        let service_count = Arc::clone(&count);
        let service = ServiceBuilder::new().retry(RetryPolicy::new("test", &config())).service_fn(
            move |_: Request<Bytes>| {
                service_count.fetch_add(1, Ordering::Relaxed);
                std::future::ready(outcome())
            },
        );
        let mut request = Request::new(Bytes::new());
        request.extensions_mut().insert(policy);
        let _ = service.oneshot(request).await;
        count.load(Ordering::Relaxed)
    }

    fn policy(attempts: u32, retry_on: RetryOn) -> CallPolicy {
        CallPolicy { deadline: Instant::now() + Duration::from_secs(10), attempts, retry_on }
    }

    #[tokio::test(start_paused = true)]
    async fn only_unperformed_calls_lost_connections_and_unavailable_are_retried() {
        let keyed = policy(3, RetryOn::Unavailable);
        assert_eq!(count_attempts(keyed, not_connected).await, 3);
        assert_eq!(count_attempts(keyed, refused).await, 3);
        assert_eq!(count_attempts(keyed, connection_lost).await, 3);
        assert_eq!(count_attempts(keyed, || status(Code::Unavailable)).await, 3);
        assert_eq!(count_attempts(keyed, || status(Code::Ok)).await, 1);
        assert_eq!(count_attempts(keyed, headers_too_large).await, 1);
        assert_eq!(count_attempts(keyed, || status(Code::ResourceExhausted)).await, 1);
        assert_eq!(count_attempts(keyed, || status(Code::DeadlineExceeded)).await, 1);
        assert_eq!(count_attempts(keyed, || status(Code::Internal)).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_a_key_is_retried_only_when_no_replica_performed_it() {
        let signup = policy(2, RetryOn::NotPerformed);
        assert_eq!(count_attempts(signup, not_connected).await, 2);
        assert_eq!(count_attempts(signup, refused).await, 2);
        assert_eq!(count_attempts(signup, connection_lost).await, 1);
        assert_eq!(count_attempts(signup, || status(Code::Unavailable)).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_is_shared_by_all_calls() {
        let retry_policy =
            RetryPolicy::new("test", &RetryConfig { budget: 0.0, min_per_second: 1, ..config() });
        let call_policy = policy(3, RetryOn::Unavailable);
        let granted = (0..100)
            .filter(|_| retry_policy.clone().next_delay(call_policy, Failure::Unavailable).is_some())
            .count();
        assert_eq!(granted, 10, "one a second over a window of ten seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_not_retried_when_the_delay_exceeds_its_deadline() {
        let expired = CallPolicy { deadline: Instant::now(), ..policy(3, RetryOn::Unavailable) };
        assert_eq!(count_attempts(expired, connection_lost).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_knows_the_replicas_on_which_the_call_failed() {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let service_seen = Arc::clone(&seen);
        let service = ServiceBuilder::new().retry(RetryPolicy::new("test", &config())).service_fn(
            move |request: Request<Bytes>| {
                let tried = request.extensions().get::<TriedReplicas>().cloned().unwrap_or_default();
                service_seen.lock().expect("no panic").push(tried.0);
                std::future::ready(connection_lost())
            },
        );
        let mut request = Request::new(Bytes::new());
        request.extensions_mut().insert(policy(3, RetryOn::Unavailable));
        let _ = service.oneshot(request).await;
        assert_eq!(*seen.lock().expect("no panic"), [vec![], vec![REPLICA], vec![REPLICA; 2]]);
    }

    proptest! {
        #[test]
        fn delays_never_exceed_the_growing_bound(retries in 0u32..100) {
            let (base, cap) = (Duration::from_millis(100), Duration::from_secs(2));
            let bound = base.saturating_mul(2u32.saturating_pow(retries)).min(cap);
            prop_assert!(full_jitter(base, cap, retries) <= bound);
        }
    }
}
