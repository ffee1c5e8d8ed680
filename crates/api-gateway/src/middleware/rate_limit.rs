//! How many requests a client may make: fixed windows, counted per replica of the gateway.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    layer::{Inner, Next},
    token::VerifiedToken,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use metrics::Counter;
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::time::Instant;
use uuid::Uuid;

use super::client_ip::{client_ip, counted_as};
use crate::{
    config::{Config, RateLimit, TrustedProxy},
    problem::{Edge, Problem},
};

/// Clients that are remembered at once, per kind; an entry is some hundred bytes.
const CAPACITY: u64 = 100_000;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The counters of this replica.
#[derive(Clone)]
pub(crate) struct RateLimiter {
    by_ip: Windows<IpAddr>,
    by_user: Windows<Uuid>,
    trusted: Arc<[TrustedProxy]>,
}

/// Counts requests that were answered 429, by which limit they had reached.
fn limited(limit: &'static str) -> Counter {
    metrics::counter!("eventboard_rate_limited_requests_total", "limit" => limit)
}

/// The windows of one kind of client.
#[derive(Clone)]
struct Windows<K> {
    limit: RateLimit,
    open: Cache<K, Arc<Window>>,
    refused: Counter,
}

/// One client's window, which begins with its first request.
struct Window {
    ends: Instant,
    count: AtomicU32,
}

/// Where a client stands with this request counted.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    limit: u32,
    remaining: u32,
    /// Seconds until the window ends, rounded up.
    reset: u64,
    exceeded: bool,
}

impl RateLimiter {
    /// Counters as configured; `None` when requests are not limited.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let limits = &config.rate_limit;
        // There from the start, also where nothing is limited.
        let (addresses, users) = (limited("address"), limited("user"));
        limits.enabled.then(|| Self {
            by_ip: Windows::new(limits.per_ip, addresses),
            by_user: Windows::new(limits.per_user, users),
            trusted: config.trusted_proxies.as_slice().into(),
        })
    }

    /// Only a verified token selects the bucket of a user: an unverified one could name any.
    fn count(&self, request: &Request) -> Standing {
        match request.extensions().get::<VerifiedToken>() {
            Some(token) => self.by_user.count(token.identity.user_id),
            None => self.by_ip.count(counted_as(client_ip(request, &self.trusted))),
        }
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Windows<K> {
    fn new(limit: RateLimit, refused: Counter) -> Self {
        let open = Cache::builder()
            .max_capacity(CAPACITY)
            // The default policy keeps a newcomer out of a full cache, and who is not remembered is
            // not limited.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(limit.window)
            .build();
        Self { limit, open, refused }
    }

    fn count(&self, client: K) -> Standing {
        let window = self.open.get_with(client, || Arc::new(Window::new(self.limit.window)));
        let standing = window.count_one(self.limit.max);
        if standing.exceeded {
            self.refused.increment(1);
        }
        standing
    }
}

impl Window {
    fn new(length: Duration) -> Self {
        Self { ends: Instant::now() + length, count: AtomicU32::new(0) }
    }

    fn count_one(&self, limit: u32) -> Standing {
        let saturating = |count: u32| Some(count.saturating_add(1));
        let before = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, saturating);
        let count = before.unwrap_or_else(|count| count).saturating_add(1);
        let left = self.ends.saturating_duration_since(Instant::now());
        Standing {
            limit,
            remaining: limit.saturating_sub(count),
            reset: (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1),
            exceeded: count > limit,
        }
    }
}

impl Standing {
    fn write_to(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset));
    }
}

/// The layer.
pub(crate) async fn limit(
    limiter: Option<RateLimiter>,
    request: Request,
    next: Next<impl Inner>,
) -> Response {
    let Some(limiter) = limiter else { return next.run(request).await };
    let standing = limiter.count(&request);
    let mut response = if standing.exceeded {
        Problem::from(Edge::RateLimited { retry_after: standing.reset }).into_response()
    } else {
        next.run(request).await
    };
    standing.write_to(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::*;
    use crate::testing::{bearer, gateway, json, send};

    #[tokio::test(start_paused = true)]
    async fn a_window_counts_down_and_then_refuses() {
        let window = Window::new(Duration::from_secs(60));
        let standing = |remaining, reset, exceeded| Standing { limit: 2, remaining, reset, exceeded };
        assert_eq!(window.count_one(2), standing(1, 60, false));
        tokio::time::advance(Duration::from_millis(10_500)).await;
        assert_eq!(window.count_one(2), standing(0, 50, false));
        assert_eq!(window.count_one(2), standing(0, 50, true));
    }

    #[test]
    fn a_new_window_opens_when_the_old_one_ends() {
        let windows = Windows::new(RateLimit { max: 1, window: Duration::from_millis(50) }, limited("user"));
        assert!(!windows.count(1).exceeded);
        assert!(windows.count(1).exceeded);
        std::thread::sleep(Duration::from_millis(60));
        assert!(!windows.count(1).exceeded);
    }

    #[tokio::test]
    async fn the_request_after_the_last_is_a_429_with_everything_a_client_needs() {
        let gateway = gateway([("RATE_LIMIT_IP_MAX", "1")]);
        let first = send(&gateway, Request::get("/nowhere"), "").await;
        assert_eq!(first.status(), StatusCode::NOT_FOUND);
        assert_eq!(first.headers()[LIMIT], "1");
        assert_eq!(first.headers()[REMAINING], "0");
        assert_eq!(first.headers()[RESET], "900");
        let second = send(&gateway, Request::get("/nowhere"), "").await;
        assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(second.headers()["retry-after"], "900");
        assert_eq!(second.headers()[REMAINING], "0");
        assert_eq!(json(second).await["type"], "urn:eventboard:problem:rate-limited");
    }

    #[tokio::test]
    async fn only_a_verified_token_selects_the_bucket_of_a_user() {
        let gateway = gateway([("RATE_LIMIT_IP_MAX", "1")]);
        let with = |token: &str| Request::get("/nowhere").header("authorization", token);
        let status = async |token: &str| send(&gateway, with(token), "").await.status();
        assert_eq!(status("Bearer forged").await, StatusCode::NOT_FOUND);
        assert_eq!(status("Bearer forged.otherwise").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(status(&bearer(Uuid::now_v7())).await, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn health_is_exempt_and_so_is_everything_when_it_is_off() {
        let limited = gateway([("RATE_LIMIT_IP_MAX", "1")]);
        let unlimited = gateway([("RATE_LIMIT_IP_MAX", "1"), ("RATE_LIMIT_ENABLED", "false")]);
        for _ in 0..3 {
            let health = send(&limited, Request::get("/health/live"), "").await;
            assert_eq!(health.status(), StatusCode::OK);
            let nowhere = send(&unlimited, Request::get("/nowhere"), "").await;
            assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
            assert!(!nowhere.headers().contains_key(LIMIT));
        }
    }
}
