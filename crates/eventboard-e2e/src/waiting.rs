//! Waiting for what must come.

use std::time::Duration;

/// How often something that is awaited is looked at again.
const GLANCE: Duration = Duration::from_millis(20);

/// What has not come by then never comes: the test fails instead of hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks again and again until there is something to be seen.
pub async fn until_some<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    tokio::time::timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("this never came: {what}"))
}

/// Looks again and again until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    until_some(what, async || is_so().await.then_some(())).await;
}
