//! Delays refusals for an address that is refused again and again.
//!
//! A client that ignores a refusal (401, 429, 503) sends its next request as soon as it has the response. Refusing is
//! cheap, but over many connections it takes the cores that the others need. A client that waits for its response does
//! not.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    fairness::Client,
    layer::{Inner, Next},
};
use http::StatusCode;
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::{sync::Semaphore, time::Instant};

use super::requester::requester;

/// The pace at which one address block gets its refusals without a delay: 100 per second.
const INTERVAL: Duration = Duration::from_millis(10);

/// How far an address block may be ahead of this pace: 50 refusals, as when a page with an expired token loads.
const ALLOWANCE: Duration = Duration::from_millis(500);

/// The longest delay. It is shorter than the deadline of any request.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// The maximum number of refusals that are delayed at the same time. Further ones are not delayed, because each takes
/// some kilobytes.
const MAX_DELAYED: usize = 4096;

/// The maximum number of address blocks with a pace. Each takes some hundred bytes.
const CAPACITY: u64 = 100_000;

/// The pace of each client, which is an address block.
#[derive(Clone)]
pub(crate) struct RefusalPace {
    clients: Cache<Client, Arc<Mutex<Pace>>>,
    delayed: Arc<Semaphore>,
}

/// When the last refusal of an address block is due, if they keep the pace.
struct Pace {
    due: Instant,
}

impl RefusalPace {
    pub(crate) fn new() -> Self {
        let clients = Cache::builder()
            .max_capacity(CAPACITY)
            .eviction_policy(EvictionPolicy::lru())
            // After that time, the block has its whole allowance again.
            .time_to_idle(ALLOWANCE + MAX_DELAY)
            .build();
        Self { clients, delayed: Arc::new(Semaphore::new(MAX_DELAYED)) }
    }

    async fn delay_refusal(&self, client: Client) {
        let new_pace = || Arc::new(Mutex::new(Pace { due: Instant::now() }));
        let pace = self.clients.get_with(client, new_pace);
        let delay = pace.lock().unwrap_or_else(PoisonError::into_inner).next_delay(Instant::now());
        if let (false, Ok(_delayed)) = (delay.is_zero(), self.delayed.try_acquire()) {
            tokio::time::sleep(delay).await;
        }
    }
}

impl Pace {
    /// Counts a refusal. Returns how long it is delayed.
    fn next_delay(&mut self, now: Instant) -> Duration {
        let due = self.due.max(now) + INTERVAL;
        self.due = due.min(now + ALLOWANCE + MAX_DELAY);
        (self.due - now).saturating_sub(ALLOWANCE)
    }
}

/// The layer function. A delayed request holds no place and no deadline, because it has its response already.
pub(crate) async fn delay_refusals(pace: RefusalPace, request: Request, next: Next<impl Inner>) -> Response {
    let client = requester(request.extensions()).sender();
    let response = next.run(request).await;
    if is_refusal(response.status()) {
        pace.delay_refusal(client).await;
    }
    response
}

/// Whether a client that gets this status should send its next request later, or not at all.
fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use axum::{Router, extract::ConnectInfo};
    use http::{Request, request::Builder};

    use super::*;
    use crate::testing::{bearer, gateway, send};

    const WITHOUT_DELAY: usize = 50;

    #[test]
    fn refusals_beyond_the_allowance_keep_the_pace_up_to_the_longest_delay() {
        let now = Instant::now();
        let mut pace = Pace { due: now };
        for _ in 0..WITHOUT_DELAY {
            assert_eq!(pace.next_delay(now), Duration::ZERO);
        }
        assert_eq!(pace.next_delay(now), INTERVAL);
        assert_eq!(pace.next_delay(now), 2 * INTERVAL);
        for _ in 0..1000 {
            pace.next_delay(now);
        }
        assert_eq!(pace.next_delay(now), MAX_DELAY);
        let later = now + Duration::from_millis(500);
        assert_eq!(pace.next_delay(later), MAX_DELAY - Duration::from_millis(500) + INTERVAL);
        let rested = later + ALLOWANCE + MAX_DELAY;
        assert_eq!(pace.next_delay(rested), Duration::ZERO);
    }

    #[test]
    fn a_client_that_keeps_the_pace_is_never_delayed() {
        let mut now = Instant::now();
        let mut pace = Pace { due: now };
        for _ in 0..1000 {
            assert_eq!(pace.next_delay(now), Duration::ZERO);
            now += INTERVAL;
        }
    }

    fn from(number: u8, path: &str) -> Builder {
        let peer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, number), 4711));
        Request::get(path).extension(ConnectInfo(peer))
    }

    /// The time until the response to a request from this address, on the paused clock.
    async fn time_to_respond(gateway: &Router, request: Builder) -> Duration {
        let sent = Instant::now();
        send(gateway, request, "").await;
        sent.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_refusals_of_an_address_that_is_refused_too_often_are_delayed() {
        let gateway = gateway([("RATE_LIMIT_ENABLED", "false")]);
        for _ in 0..WITHOUT_DELAY {
            assert_eq!(time_to_respond(&gateway, from(1, "/events")).await, Duration::ZERO);
        }
        assert_eq!(time_to_respond(&gateway, from(1, "/events")).await, INTERVAL);
        assert_eq!(time_to_respond(&gateway, from(1, "/api/openapi.json")).await, Duration::ZERO);
        assert_eq!(time_to_respond(&gateway, from(2, "/events")).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_no_refusal_is_never_delayed() {
        let gateway = gateway([("RATE_LIMIT_ENABLED", "false")]);
        let token = bearer(uuid::Uuid::now_v7());
        for _ in 0..2 * WITHOUT_DELAY {
            let request = from(1, "/nowhere").header("authorization", &token);
            assert_eq!(time_to_respond(&gateway, request).await, Duration::ZERO);
        }
    }
}
