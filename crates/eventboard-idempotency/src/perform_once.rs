//! Performs each write with an idempotency key once. The response cache of a replica answers repeated requests
//! without a database query. Of several identical concurrent calls, only one performs the write.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Identity;
use moka::{Expiry, future::Cache};
use uuid::Uuid;

use crate::{
    key::{Operation, RequestKey, ResponseSource, ScopedKey, StoredResponse, WriteResponse},
    outcome::KeyOutcome,
};

/// The maximum time that a response stays in the cache. A key that was deleted from the database may still apply for
/// this long.
const MAX_CACHE_TTL: Duration = Duration::from_secs(60);

/// The capacity of the cache in bytes, including [`ENTRY_BYTES`] for each entry.
const CACHE_BYTES: u64 = 6 * 1024 * 1024;

/// The memory that an entry needs in addition to its key and response: the entry itself, and its nodes in the cache's
/// table and queues. Without this allowance, 16 MiB of entries of some 480 bytes each used 24 MB.
const ENTRY_BYTES: usize = 400;

/// The lifetime of a generated key. It is longer than all attempts of one request.
const GENERATED_KEY_TTL: Duration = Duration::from_secs(5 * 60);

/// Caller, operation and key.
type Scope = (Uuid, Operation, String);

/// Performs each write with an idempotency key of one service once.
#[derive(Clone)]
pub struct Idempotency {
    service: &'static str,
    cache: Cache<Scope, StoredResponse>,
    lifetime: Duration,
}

impl Idempotency {
    /// Creates the cache of the service. Keys sent by clients are stored for `lifetime`.
    pub fn new(service: &'static str, lifetime: Duration) -> Self {
        let cache = Cache::builder()
            .weigher(|(_, _, key): &Scope, stored: &StoredResponse| {
                u32::try_from(key.len() + stored.response.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            .max_capacity(CACHE_BYTES)
            .expire_after(ExpireWithKey)
            .build();
        KeyOutcome::register();
        Self { service, cache, lifetime }
    }

    /// Adds scope and fingerprint to the key of a call to this gRPC method.
    pub fn scoped_key(
        &self,
        caller: &Identity,
        method: &'static str,
        request_key: RequestKey,
        fingerprint: [u8; 32],
    ) -> ScopedKey {
        let RequestKey { key, request_id, generated } = request_key;
        let operation = Operation { service: self.service, method };
        let lifetime = if generated { GENERATED_KEY_TTL } else { self.lifetime };
        let (caller, received_at) = (caller.clone(), Instant::now());
        ScopedKey { caller, operation, key, fingerprint, request_id, generated, lifetime, received_at }
    }

    /// Performs the write, or returns the response of the call that performed it earlier. `perform` must commit the
    /// key in the same transaction as the effect of the write. If the key is already committed, `perform` must load
    /// the stored response instead. The statements for that check the caller. A response from memory needs no
    /// statement, so `check_caller` checks the caller first.
    ///
    /// # Errors
    /// Returns an error if the key was used for another request, or if `perform` or `check_caller` fails.
    pub async fn perform_once<F, C>(
        &self,
        key: &ScopedKey,
        perform: impl Fn() -> F,
        check_caller: impl Fn() -> C,
    ) -> Result<WriteResponse, ServiceError>
    where
        F: Future<Output = Result<(StoredResponse, ResponseSource), ServiceError>>,
        C: Future<Output = Result<(), ServiceError>>,
    {
        if key.generated {
            // Not cached, because only a retry uses the key again, and a retry can reach any replica.
            let (stored, source) = Box::pin(perform()).await?;
            return Ok(key.write_response(&stored, source)?);
        }
        let scope = (key.caller.user_id, key.operation, key.key.clone());
        if let Some(stored) = self.cache.get(&scope).await {
            check_caller().await?;
            return Ok(key.write_response(&stored, ResponseSource::Memory)?);
        }
        // Boxed, because otherwise the large future of a write would make the future of a replay equally large.
        Box::pin(self.perform_or_wait(scope, key, perform, check_caller)).await
    }

    /// Lets one of several identical concurrent calls on this replica perform the write, while the others wait for
    /// it.
    async fn perform_or_wait<F, C>(
        &self,
        scope: Scope,
        key: &ScopedKey,
        perform: impl Fn() -> F,
        check_caller: impl Fn() -> C,
    ) -> Result<WriteResponse, ServiceError>
    where
        F: Future<Output = Result<(StoredResponse, ResponseSource), ServiceError>>,
        C: Future<Output = Result<(), ServiceError>>,
    {
        loop {
            let mut source = ResponseSource::Memory;
            let mut failure = None;
            let performing = async {
                let (stored, performed_source) = perform().await.map_err(|error| failure = Some(error))?;
                source = performed_source;
                Ok(stored)
            };
            let outcome: Result<StoredResponse, Arc<()>> =
                self.cache.try_get_with(scope.clone(), performing).await;
            match (outcome, failure) {
                (Ok(stored), _) => {
                    if source == ResponseSource::Memory {
                        check_caller().await?;
                    }
                    return Ok(key.write_response(&stored, source)?);
                }
                (Err(_), Some(own_failure)) => return Err(own_failure),
                // The other call failed. The reason may not apply to this call (for example the other call's
                // deadline, or its client disconnected), so this call performs the write itself.
                (Err(_), None) => {}
            }
        }
    }
}

/// Removes a cache entry after [`MAX_CACHE_TTL`] or when its key expires, whichever comes first.
struct ExpireWithKey;

impl<K> Expiry<K, StoredResponse> for ExpireWithKey {
    fn expire_after_create(&self, _: &K, stored: &StoredResponse, _: Instant) -> Option<Duration> {
        let left = stored.expires_at.saturating_duration_since(Instant::now());
        Some(left.min(MAX_CACHE_TTL))
    }
}
