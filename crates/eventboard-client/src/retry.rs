//! Trying again: what, how often, after how long, and how much of it in all.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use eventboard_chassis::{config::Env, grpc::grpc_code, metrics::at_each_scrape};
use futures::future::BoxFuture;
use http::{Request, Response};
use metrics::Counter;
use rand::RngExt;
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower::retry::Policy;

use crate::{
    attempt::{AnsweredBy, Tried},
    budget::Budget,
    error::CallError,
    policy::{CallPolicy, RetryOn},
};

/// How waits between attempts grow and how many retries there may be in all.
#[derive(Debug, Clone)]
pub struct RetryConfig {
    /// `RETRY_BASE` (default `100ms`): the longest wait before the first retry; it doubles each time.
    pub base: Duration,
    /// `RETRY_CAP` (default `2s`): the longest wait before any retry.
    pub cap: Duration,
    /// `RETRY_BUDGET` (default 0.2): retries as a share of the calls of the last ten seconds that the
    /// service has answered.
    pub budget: f32,
    /// `RETRY_BUDGET_MIN` (default 10): retries a second that are always allowed.
    pub min_per_second: u32,
}

impl RetryConfig {
    /// Reads the `RETRY_*` variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            base: env.positive_duration("RETRY_BASE", Duration::from_millis(100)),
            cap: env.positive_duration("RETRY_CAP", Duration::from_secs(2)),
            budget: env.share("RETRY_BUDGET", 0.2),
            min_per_second: env.number("RETRY_BUDGET_MIN", 10, 0..=10_000),
        }
    }
}

/// The retry policy of one service; the budget is shared by all its calls, the count belongs to one.
#[derive(Clone)]
pub(crate) struct Retries {
    service: &'static str,
    base: Duration,
    cap: Duration,
    budget: Arc<Budget>,
    meters: Arc<Meters>,
    retries: u32,
}

/// What operators see of retries.
struct Meters {
    retries: Counter,
    exhausted: Counter,
}

impl Retries {
    pub(crate) fn new(service: &'static str, config: &RetryConfig) -> Self {
        let budget = Arc::new(Budget::new(config.budget, config.min_per_second));
        let (left, observed) = (
            metrics::gauge!("eventboard_client_retry_budget_left", "upstream" => service),
            Arc::downgrade(&budget),
        );
        at_each_scrape(move || observed.upgrade().inspect(|budget| left.set(budget.left())).is_some());
        let meters = Meters {
            retries: metrics::counter!("eventboard_client_retries_total", "upstream" => service),
            exhausted: metrics::counter!("eventboard_client_retry_budget_exhausted_total", "upstream" => service),
        };
        Self { service, base: config.base, cap: config.cap, budget, meters: Arc::new(meters), retries: 0 }
    }

    /// Whether, and after which wait, an attempt that failed in this way is repeated.
    fn next_wait(&mut self, policy: CallPolicy, failure: Failure) -> Option<Duration> {
        if !failure.may_be_retried(policy.retry_on) || self.retries + 1 >= policy.attempts {
            return None;
        }
        let wait = full_jitter(self.base, self.cap, self.retries);
        if Instant::now() + wait >= policy.deadline {
            return None;
        }
        if !self.budget.withdraw() {
            self.meters.exhausted.increment(1);
            tracing::warn!(service = self.service, "Retry refused: the budget is used up");
            return None;
        }
        self.retries += 1;
        Some(wait)
    }
}

impl Policy<Request<Bytes>, Response<Body>, CallError> for Retries {
    type Future = BoxFuture<'static, ()>;

    fn retry(
        &mut self,
        request: &mut Request<Bytes>,
        result: &mut Result<Response<Body>, CallError>,
    ) -> Option<Self::Future> {
        let failure = Failure::of(result);
        // Every attempt that was answered allows a share of a retry, unless the answer was that there is no service.
        if result.is_ok() && failure != Some(Failure::Unavailable) {
            self.budget.deposit();
        }
        let failure = failure?;
        let policy = request.extensions().get::<CallPolicy>().copied()?;
        let wait = self.next_wait(policy, failure)?;
        let replica = replica_of(result);
        if let Some(replica) = replica {
            request.extensions_mut().get_or_insert_default::<Tried>().0.push(replica);
        }
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        self.meters.retries.increment(1);
        tracing::warn!(
            target_service = self.service,
            method,
            replica = replica.map(tracing::field::display),
            attempt = self.retries + 1,
            wait_ms = wait.as_secs_f64() * 1000.0,
            cause = failure_text(result),
            "Retry: an attempt failed and is repeated"
        );
        Some(Box::pin(tokio::time::sleep(wait)))
    }

    fn clone_request(&mut self, request: &Request<Bytes>) -> Option<Request<Bytes>> {
        Some(request.clone())
    }
}

/// Why an attempt failed, as far as repeating it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// No connection was made: the service never saw the call.
    NotConnected,
    /// The connection broke, or the service said `UNAVAILABLE`: the service may have done its work.
    Unavailable,
    /// The service answered otherwise; trying again would not help.
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
            Err(CallError::NotConnected(_)) => Some(Self::NotConnected),
            Err(CallError::Broken { .. }) => Some(Self::Unavailable),
            Err(CallError::Deadline | CallError::Malformed(_)) => Some(Self::Final),
        }
    }

    fn may_be_retried(self, retry_on: RetryOn) -> bool {
        match (self, retry_on) {
            (Self::NotConnected, RetryOn::NotConnected | RetryOn::Unavailable) => true,
            (Self::Unavailable, RetryOn::Unavailable) => true,
            (Self::Unavailable, RetryOn::NotConnected) | (Self::Final, _) => false,
        }
    }
}

/// "Full jitter": any wait between nothing and the exponentially growing bound is equally likely,
/// which spreads callers that failed together (AWS Architecture Blog, "Exponential Backoff And
/// Jitter").
fn full_jitter(base: Duration, cap: Duration, retries: u32) -> Duration {
    let bound = base.saturating_mul(2u32.saturating_pow(retries)).min(cap);
    bound.mul_f64(rand::rng().random::<f64>())
}

fn failure_text(result: &Result<Response<Body>, CallError>) -> String {
    match result {
        Ok(_) => "UNAVAILABLE".into(),
        Err(error) => error.to_string(),
    }
}

/// The replica that the attempt failed on, if it came to one.
fn replica_of(result: &Result<Response<Body>, CallError>) -> Option<SocketAddr> {
    match result {
        Ok(response) => response.extensions().get().map(|AnsweredBy(replica)| *replica),
        Err(CallError::Broken { replica, .. }) => Some(*replica),
        Err(_) => None,
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

    fn broken() -> Result<Response<Body>, CallError> {
        Err(CallError::Broken { replica: REPLICA, cause: "connection reset".into() })
    }

    fn answered(code: Code) -> Result<Response<Body>, CallError> {
        Ok(tonic::Status::new(code, "").into_http())
    }

    async fn attempts(policy: CallPolicy, outcome: fn() -> Result<Response<Body>, CallError>) -> u32 {
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        let service = ServiceBuilder::new().retry(Retries::new("test", &config())).service_fn(
            move |_: Request<Bytes>| {
                counted.fetch_add(1, Ordering::Relaxed);
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
    async fn only_failed_connections_and_unavailable_are_tried_again() {
        let keyed = policy(3, RetryOn::Unavailable);
        assert_eq!(attempts(keyed, not_connected).await, 3);
        assert_eq!(attempts(keyed, broken).await, 3);
        assert_eq!(attempts(keyed, || answered(Code::Unavailable)).await, 3);
        assert_eq!(attempts(keyed, || answered(Code::Ok)).await, 1);
        assert_eq!(attempts(keyed, || answered(Code::ResourceExhausted)).await, 1);
        assert_eq!(attempts(keyed, || answered(Code::DeadlineExceeded)).await, 1);
        assert_eq!(attempts(keyed, || answered(Code::Internal)).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unprotected_call_is_tried_again_only_when_it_never_left() {
        let signup = policy(2, RetryOn::NotConnected);
        assert_eq!(attempts(signup, not_connected).await, 2);
        assert_eq!(attempts(signup, broken).await, 1);
        assert_eq!(attempts(signup, || answered(Code::Unavailable)).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_is_shared_by_all_calls() {
        let retries = Retries::new("test", &RetryConfig { budget: 0.0, min_per_second: 1, ..config() });
        let granted = (0..100)
            .filter(|_| {
                retries.clone().next_wait(policy(3, RetryOn::Unavailable), Failure::Unavailable).is_some()
            })
            .count();
        assert_eq!(granted, 10, "one a second over a window of ten seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_reaches_past_the_deadline() {
        let hurried = CallPolicy { deadline: Instant::now(), ..policy(3, RetryOn::Unavailable) };
        assert_eq!(attempts(hurried, broken).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_attempt_knows_where_the_earlier_ones_failed() {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let service = ServiceBuilder::new().retry(Retries::new("test", &config())).service_fn(
            move |request: Request<Bytes>| {
                let tried = request.extensions().get::<Tried>().cloned().unwrap_or_default();
                told.lock().expect("no panic").push(tried.0);
                std::future::ready(broken())
            },
        );
        let mut request = Request::new(Bytes::new());
        request.extensions_mut().insert(policy(3, RetryOn::Unavailable));
        let _ = service.oneshot(request).await;
        assert_eq!(*seen.lock().expect("no panic"), [vec![], vec![REPLICA], vec![REPLICA; 2]]);
    }

    proptest! {
        #[test]
        fn waits_stay_below_the_growing_bound(retries in 0u32..100) {
            let (base, cap) = (Duration::from_millis(100), Duration::from_secs(2));
            let bound = base.saturating_mul(2u32.saturating_pow(retries)).min(cap);
            prop_assert!(full_jitter(base, cap, retries) <= bound);
        }
    }
}
