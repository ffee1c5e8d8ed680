//! The memory of one replica: it answers repetitions without the database, and of identical calls at the same time
//! only one performs.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use eventboard_chassis::error::ServiceError;
use moka::{Expiry, future::Cache};
use uuid::Uuid;

use crate::{
    key::{Answer, GivenKey, Key, Operation, Source, Stored},
    outcome::Outcome,
};

/// The longest that a replica answers from memory, and so the longest that a cleared key lives on.
const MAX_IN_MEMORY: Duration = Duration::from_secs(60);

/// Bytes of responses and keys kept in memory, with what the cache needs for each.
const CACHE_BYTES: u64 = 6 * 1024 * 1024;

/// What an entry takes beside its key and response: itself, and its nodes in the table and the queues of the cache. Without
/// them, 16 MiB of keys and responses of some 480 bytes took 24 MB.
const ENTRY_BYTES: usize = 400;

/// How long a key that the gateway made is remembered: longer than all attempts of one request.
const GENERATED_TTL: Duration = Duration::from_secs(5 * 60);

/// Who used a key, for what.
type Scope = (Uuid, Operation, String);

/// Performs the writes of one service once.
#[derive(Clone)]
pub struct Idempotency {
    service: &'static str,
    cache: Cache<Scope, Stored>,
    lifetime: Duration,
}

impl Idempotency {
    /// For the service of this name. Clients' keys are remembered for `lifetime`.
    pub fn new(service: &'static str, lifetime: Duration) -> Self {
        let cache = Cache::builder()
            .weigher(|(_, _, key): &Scope, stored: &Stored| {
                u32::try_from(key.len() + stored.response.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            .max_capacity(CACHE_BYTES)
            .expire_after(NeverPastTheKey)
            .build();
        Outcome::register();
        Self { service, cache, lifetime }
    }

    /// The key of a call to the gRPC method, in its scope and with what it protects.
    pub fn key(&self, caller_id: Uuid, method: &'static str, given: GivenKey, fingerprint: [u8; 32]) -> Key {
        let GivenKey { key, request_id, generated } = given;
        let operation = Operation { service: self.service, method };
        let lifetime = if generated { GENERATED_TTL } else { self.lifetime };
        Key { caller_id, operation, key, fingerprint, request_id, generated, lifetime }
    }

    /// Performs, or answers as the first time. `perform` commits the key with its effect, or finds that it was
    /// committed before; it may be called again when a call that this one waited for failed.
    ///
    /// # Errors
    /// When the key was used for something else, or as `perform` fails.
    pub async fn once<F>(&self, key: &Key, perform: impl Fn() -> F) -> Result<Answer, ServiceError>
    where
        F: Future<Output = Result<(Stored, Source), ServiceError>>,
    {
        if key.generated {
            // Nobody will ask for it again but a retry, which may come to any replica.
            let (stored, source) = Box::pin(perform()).await?;
            return Ok(key.answer(&stored, source)?);
        }
        let scope = (key.caller_id, key.operation, key.key.clone());
        if let Some(stored) = self.cache.get(&scope).await {
            return Ok(key.answer(&stored, Source::Memory)?);
        }
        // In a box: a write's future is large, and would make that of a replay as large.
        Box::pin(self.perform_or_wait(scope, key, perform)).await
    }

    /// Of identical calls at the same time on this replica, one performs and the others wait for it.
    async fn perform_or_wait<F>(
        &self,
        scope: Scope,
        key: &Key,
        perform: impl Fn() -> F,
    ) -> Result<Answer, ServiceError>
    where
        F: Future<Output = Result<(Stored, Source), ServiceError>>,
    {
        loop {
            let mut source = Source::Memory;
            let mut failure = None;
            let performing = async {
                let (stored, from) = perform().await.map_err(|error| failure = Some(error))?;
                source = from;
                Ok(stored)
            };
            let outcome: Result<Stored, Arc<()>> = self.cache.try_get_with(scope.clone(), performing).await;
            match (outcome, failure) {
                (Ok(stored), _) => return Ok(key.answer(&stored, source)?),
                (Err(_), Some(own)) => return Err(own),
                // The call that this one waited for failed, perhaps for reasons of its own (its
                // deadline, its client's hanging up): try for ourselves.
                (Err(_), None) => {}
            }
        }
    }
}

/// An entry lives a minute, and never longer than its key in the database.
struct NeverPastTheKey;

impl<K> Expiry<K, Stored> for NeverPastTheKey {
    fn expire_after_create(&self, _: &K, stored: &Stored, _: Instant) -> Option<Duration> {
        let left = stored.expires_at.saturating_duration_since(Instant::now());
        Some(left.min(MAX_IN_MEMORY))
    }
}
