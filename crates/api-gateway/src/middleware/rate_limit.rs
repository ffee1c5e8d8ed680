//! Rate limits per client, with fixed windows. Each gateway replica counts separately.

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
    server::Requester,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use metrics::Counter;
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::time::Instant;
use uuid::Uuid;

use super::requester::requester;
use crate::{
    config::{Config, RateLimit},
    problem::{HttpError, Problem},
};

/// The maximum number of open windows for each kind of client (users, IP addresses). A window takes some hundred
/// bytes.
const CAPACITY: u64 = 100_000;

/// Only those that fail count, in a window of the address that is theirs alone. auth-service counts the refreshes of a session
/// itself. So users who share an address do not lose their sessions, whatever else is sent from there.
const REFRESH: (Method, &str) = (Method::POST, "/auth/refresh");

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The open windows of this replica.
#[derive(Clone)]
pub(crate) struct RateLimiter {
    by_ip: Windows<IpAddr>,
    by_user: Windows<Uuid>,
    failed_refreshes_by_ip: Windows<IpAddr>,
    pages_by_ip: Windows<IpAddr>,
}

/// The counter of 429 responses, by the limit that was exceeded.
fn rejected_counter(limit: &'static str) -> Counter {
    metrics::counter!("eventboard_rate_limited_requests_total", "limit" => limit)
}

/// The open windows of one kind of client (users or IP addresses).
#[derive(Clone)]
struct Windows<K> {
    limit: RateLimit,
    windows: Cache<K, Arc<Window>>,
    rejected: Counter,
}

/// The window of one client. It starts with the client's first request.
struct Window {
    ends: Instant,
    count: AtomicU32,
}

/// The state of a client's limit after its current request was counted.
#[derive(Debug, PartialEq, Eq)]
struct RateLimitStatus {
    limit: u32,
    remaining: u32,
    /// Seconds until the window ends, rounded up.
    reset: u64,
    is_exceeded: bool,
}

impl RateLimiter {
    /// Creates a limiter. `None` if rate limiting is disabled.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let limits = &config.rate_limit;
        // Registered from the start, even if rate limiting is disabled, so that the metrics always exist.
        let (addresses, users) = (rejected_counter("address"), rejected_counter("user"));
        limits.enabled.then(|| Self {
            by_ip: Windows::new(limits.per_ip, addresses.clone()),
            by_user: Windows::new(limits.per_user, users),
            failed_refreshes_by_ip: Windows::new(limits.per_ip, addresses.clone()),
            pages_by_ip: Windows::new(limits.pages_per_ip, addresses),
        })
    }

    /// Counts the request in the window of its user, otherwise in the window of the client's IP address. Pages have a window of
    /// their own: reading them is cheap, and all who share an address read them.
    fn count(&self, requester: Requester, is_page: bool) -> RateLimitStatus {
        match requester {
            Requester::Member { user_id, organization_id: _, address_block: _ } => {
                self.by_user.count(user_id)
            }
            Requester::Anonymous(address_block) if is_page => self.pages_by_ip.count(address_block),
            Requester::Anonymous(address_block) => self.by_ip.count(address_block),
        }
    }

    /// Counts a refresh as failed until it has succeeded.
    async fn count_refresh(
        &self,
        address_block: IpAddr,
        request: Request,
        next: Next<impl Inner>,
    ) -> Response {
        let mut status = self.failed_refreshes_by_ip.count(address_block);
        if status.is_exceeded {
            return status.refuse();
        }
        let mut response = next.run(request).await;
        if response.status().is_success() {
            self.failed_refreshes_by_ip.uncount(&address_block);
            status.remaining = status.remaining.saturating_add(1).min(status.limit);
        }
        status.write_to(response.headers_mut());
        response
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Windows<K> {
    fn new(limit: RateLimit, rejected: Counter) -> Self {
        let windows = Cache::builder()
            .max_capacity(CAPACITY)
            // With the default policy, a full cache may not store the window of a new client, and a client without a
            // window would not be limited.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(limit.window)
            .build();
        Self { limit, windows, rejected }
    }

    fn count(&self, client: K) -> RateLimitStatus {
        let window = self.windows.get_with(client, || Arc::new(Window::new(self.limit.window)));
        let status = window.count_request(self.limit.max);
        if status.is_exceeded {
            self.rejected.increment(1);
        }
        status
    }

    fn uncount(&self, client: &K) {
        if let Some(window) = self.windows.get(client) {
            window.uncount_request();
        }
    }
}

impl Window {
    fn new(length: Duration) -> Self {
        Self { ends: Instant::now() + length, count: AtomicU32::new(0) }
    }

    fn uncount_request(&self) {
        let less = |count: u32| count.checked_sub(1);
        // An error means that the window is new and has no request.
        _ = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn count_request(&self, limit: u32) -> RateLimitStatus {
        let saturating = |count: u32| Some(count.saturating_add(1));
        let before = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, saturating);
        let count = before.unwrap_or_else(|count| count).saturating_add(1);
        let left = self.ends.saturating_duration_since(Instant::now());
        RateLimitStatus {
            limit,
            remaining: limit.saturating_sub(count),
            reset: (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1),
            is_exceeded: count > limit,
        }
    }
}

impl RateLimitStatus {
    fn refuse(&self) -> Response {
        let mut response = Problem::from(HttpError::RateLimited { retry_after: self.reset }).into_response();
        self.write_to(response.headers_mut());
        response
    }

    fn write_to(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset));
    }
}

/// The layer function: counts the request, rejects it if it exceeds the limit, and adds the `RateLimit-*` headers.
pub(crate) async fn enforce_rate_limit(
    limiter: Option<RateLimiter>,
    request: Request,
    next: Next<impl Inner>,
) -> Response {
    let Some(limiter) = limiter else { return next.run(request).await };
    let requester = requester(request.extensions());
    if let Requester::Anonymous(address_block) = requester
        && (request.method(), request.uri().path()) == (&REFRESH.0, REFRESH.1)
    {
        return limiter.count_refresh(address_block, request, next).await;
    }
    let is_page = board::serves(request.uri().path()) && !board::counts_for_address(&request);
    let status = limiter.count(requester, is_page);
    if status.is_exceeded {
        return status.refuse();
    }
    let mut response = next.run(request).await;
    status.write_to(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::*;
    use crate::testing::{api_document, bearer, gateway, json, send};

    #[tokio::test(start_paused = true)]
    async fn a_window_counts_down_and_then_rejects() {
        let window = Window::new(Duration::from_secs(60));
        let status =
            |remaining, reset, is_exceeded| RateLimitStatus { limit: 2, remaining, reset, is_exceeded };
        assert_eq!(window.count_request(2), status(1, 60, false));
        tokio::time::advance(Duration::from_millis(10_500)).await;
        assert_eq!(window.count_request(2), status(0, 50, false));
        assert_eq!(window.count_request(2), status(0, 50, true));
    }

    #[tokio::test]
    async fn a_request_that_is_given_back_can_be_sent_again() {
        let window = Window::new(Duration::from_secs(60));
        window.uncount_request();
        for _ in 0..3 {
            assert!(!window.count_request(1).is_exceeded);
            window.uncount_request();
        }
        assert!(!window.count_request(1).is_exceeded);
        assert!(window.count_request(1).is_exceeded);
    }

    #[test]
    fn a_new_window_starts_when_the_old_one_has_ended() {
        let windows =
            Windows::new(RateLimit { max: 1, window: Duration::from_millis(50) }, rejected_counter("user"));
        assert!(!windows.count(1).is_exceeded);
        assert!(windows.count(1).is_exceeded);
        std::thread::sleep(Duration::from_millis(60));
        assert!(!windows.count(1).is_exceeded);
    }

    #[tokio::test]
    async fn a_request_over_the_limit_is_a_429_with_retry_after_and_limit_headers() {
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
    async fn only_a_verified_token_selects_the_window_of_a_user() {
        let gateway = gateway([("RATE_LIMIT_IP_MAX", "1")]);
        let with = |token: &str| Request::get("/nowhere").header("authorization", token);
        let status = async |token: &str| send(&gateway, with(token), "").await.status();
        assert_eq!(status("Bearer forged").await, StatusCode::NOT_FOUND);
        assert_eq!(status("Bearer forged.otherwise").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(status(&bearer(Uuid::now_v7())).await, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn an_operation_that_ignores_the_token_or_checks_a_password_counts_for_the_address() {
        let document = api_document().await;
        let paths = document["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            item.as_object()
                .expect("operations")
                .iter()
                .map(move |(method, operation)| (method, path, operation))
        });
        for (method, path, operation) in operations {
            if path.starts_with("/health") {
                continue;
            }
            let counts_for_address = operation.get("security").is_none()
                || path.starts_with("/auth/password")
                || path.starts_with("/auth/email")
                || path == "/auth/me/delete";
            let gateway = gateway([("RATE_LIMIT_IP_MAX", "1000"), ("RATE_LIMIT_USER_MAX", "2000")]);
            let path = path.replace("{id}", "01890000-0000-7000-8000-000000000001");
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(&path)
                .header("authorization", bearer(Uuid::now_v7()));
            let response = send(&gateway, request, "").await;
            let limit = if counts_for_address { "1000" } else { "2000" };
            assert_eq!(response.headers()[LIMIT], limit, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn a_token_does_not_change_the_limit_of_logins() {
        let gateway = gateway([("RATE_LIMIT_IP_MAX", "2")]);
        let login = async |token: Option<String>| {
            let request = Request::post("/auth/login?x=1");
            let request =
                token.into_iter().fold(request, |request, token| request.header("authorization", token));
            send(&gateway, request, "").await.status()
        };
        assert_eq!(login(None).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(login(Some(bearer(Uuid::now_v7()))).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        for token in [bearer(Uuid::now_v7()), bearer(Uuid::now_v7()), "Bearer forged".into()] {
            assert_eq!(login(Some(token)).await, StatusCode::TOO_MANY_REQUESTS);
        }
    }

    #[tokio::test]
    async fn a_request_that_no_operation_serves_counts_for_its_user() {
        let gateway = gateway([("RATE_LIMIT_USER_MAX", "2000")]);
        for (method, path) in [("GET", "/nowhere"), ("PUT", "/auth/login"), ("POST", "/auth/login/")] {
            let request = Request::builder().method(method).uri(path);
            let response = send(&gateway, request.header("authorization", bearer(Uuid::now_v7())), "").await;
            assert!([StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&response.status()));
            assert_eq!(response.headers()[LIMIT], "2000", "{method} {path}");
        }
    }

    #[tokio::test]
    async fn health_is_exempt_and_nothing_is_limited_when_limits_are_disabled() {
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
