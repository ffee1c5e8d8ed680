//! Waits for expected conditions by polling.

use std::time::Duration;

/// The pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The time limit for an expected condition. After this time the test fails instead of hanging.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Polls until `poll` returns a value. Panics after a timeout. `what` describes the expected condition.
pub async fn wait_for_some<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let value = async {
        loop {
            if let Some(value) = poll().await {
                return value;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(TIMEOUT, value).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

/// Polls until the condition is true. Panics after a timeout. `what` describes the condition.
pub async fn wait_until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    wait_for_some(what, async || is_true().await.then_some(())).await;
}
