//! Every keyed write happens once, across repetitions, replicas and crashes.
//!
//! The truth is in PostgreSQL, where a key is committed together with its effect. In front of it a
//! cache answers repetitions without the database, and lets identical calls on this replica wait for
//! the first one in memory, without a connection of their own.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    server::Deadline,
    token::Identity,
};
use metrics::Counter;
use moka::{Expiry, future::Cache};
use uuid::Uuid;

use crate::{command::Command, store::Store};

/// The longest that a replica answers from memory, and so the longest that a cleared key lives on.
const MAX_IN_MEMORY: Duration = Duration::from_secs(60);

/// Bytes of responses and keys kept in memory, with what the cache needs for each.
const CACHE_BYTES: u64 = 6 * 1024 * 1024;

/// What an entry takes beside its key and response: itself, and its nodes in the table and the queues of the cache. Without
/// them, 16 MiB of keys and responses of some 480 bytes took 24 MB.
const ENTRY_BYTES: usize = 400;

/// How long a key that the gateway made is remembered: longer than all attempts of one request.
const GENERATED_TTL: Duration = Duration::from_secs(5 * 60);

/// How often expired keys are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A key as it came with a call.
#[derive(Debug, Clone)]
pub(crate) struct GivenKey {
    pub key: String,
    /// The same for all attempts of one request of the client.
    pub request_id: Uuid,
    /// Made by the gateway, or by this service for a call that came without one.
    pub generated: bool,
}

/// A key with its scope and what it protects.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub caller_id: Uuid,
    pub method: &'static str,
    pub key: String,
    pub fingerprint: [u8; 32],
    pub request_id: Uuid,
    pub generated: bool,
    pub lifetime: Duration,
}

/// What a key stands for once its effect is committed.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub fingerprint: Vec<u8>,
    /// The request that had the effect.
    pub request_id: Uuid,
    /// The event as a protobuf message; empty for a deletion.
    pub response: Arc<[u8]>,
    /// By this process's own clock, whatever the database's says.
    pub expires_at: Instant,
}

/// Where a response comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The effect happened just now.
    Performed,
    /// An earlier attempt or request had the effect.
    Database,
    /// As above, and this replica still knew.
    Memory,
}

/// What became of a keyed write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    New,
    Replayed,
    CacheHit,
    Retried,
    Conflict,
}

/// The response to a write.
#[derive(Debug)]
pub(crate) struct Answer {
    pub response: Arc<[u8]>,
    /// Whether an earlier request of the client had the effect.
    pub replayed: bool,
}

impl Key {
    /// What the key stands for when this response is committed.
    pub(crate) fn stored(&self, response: Vec<u8>) -> Stored {
        Stored {
            fingerprint: self.fingerprint.to_vec(),
            request_id: self.request_id,
            response: response.into(),
            expires_at: Instant::now() + self.lifetime,
        }
    }

    /// The response to the request that came with this key.
    ///
    /// # Errors
    /// `KeyReused` when the key was used for something else.
    fn answer(&self, stored: &Stored, source: Source) -> Result<Answer, ServiceError> {
        if stored.fingerprint != self.fingerprint {
            self.log(Outcome::Conflict);
            return Err(ServiceError::new(
                ErrorCode::KeyReused,
                "The Idempotency-Key was used for another request; use a new key for a new request.",
            ));
        }
        let replayed = stored.request_id != self.request_id;
        match (source, replayed) {
            (Source::Performed, _) if self.generated => {
                // Every write without a key of the client's would say so.
            }
            (Source::Performed, _) => self.log(Outcome::New),
            (_, false) => self.log(Outcome::Retried),
            (Source::Database, true) => self.log(Outcome::Replayed),
            (Source::Memory, true) => self.log(Outcome::CacheHit),
        }
        Ok(Answer { response: Arc::clone(&stored.response), replayed })
    }

    fn log(&self, outcome: Outcome) {
        OUTCOMES[outcome as usize].increment(1);
        let (message, outcome) = (outcome.message(), outcome.name());
        tracing::info!(idempotency_key = self.key, operation = self.method, outcome, "{message}");
    }
}

/// Counters of what became of keyed writes.
static OUTCOMES: LazyLock<[Counter; Outcome::ALL.len()]> = LazyLock::new(|| {
    Outcome::ALL.map(
        |outcome| metrics::counter!("eventboard_idempotency_outcomes_total", "outcome" => outcome.name()),
    )
});

impl Outcome {
    /// In the order of the declaration.
    const ALL: [Self; 5] = [Self::New, Self::Replayed, Self::CacheHit, Self::Retried, Self::Conflict];

    /// In logs and metrics.
    fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Replayed => "replayed",
            Self::CacheHit => "cache_hit",
            Self::Retried => "retried",
            Self::Conflict => "conflict",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::New => "Idempotency: performed and remembered",
            Self::Replayed => "Idempotency: replayed, not performed again",
            Self::CacheHit => "Idempotency: replayed from memory, not performed again",
            Self::Retried => "Idempotency: an earlier attempt had the effect; not performed again",
            Self::Conflict => "Idempotency: the key was used for another request",
        }
    }
}

/// Performs writes once.
#[derive(Clone)]
pub(crate) struct Idempotency {
    store: Store,
    /// By caller, method and key.
    cache: Cache<(Uuid, &'static str, String), Stored>,
    lifetime: Duration,
}

impl Idempotency {
    /// Client's keys are remembered for `lifetime`.
    pub(crate) fn new(store: Store, lifetime: Duration) -> Self {
        let cache = Cache::builder()
            .weigher(|(_, _, key): &(Uuid, &str, String), stored: &Stored| {
                u32::try_from(key.len() + stored.response.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            .max_capacity(CACHE_BYTES)
            .expire_after(NeverPastTheKey)
            .build();
        LazyLock::force(&OUTCOMES);
        Self { store, cache, lifetime }
    }

    /// Performs the command, or answers as the first time.
    pub(crate) async fn perform(
        &self,
        caller: &Identity,
        command: &Command,
        given: GivenKey,
        deadline: Deadline,
    ) -> Result<Answer, ServiceError> {
        let key = Key {
            caller_id: caller.user_id,
            method: command.method(),
            key: given.key,
            fingerprint: command.fingerprint(),
            request_id: given.request_id,
            generated: given.generated,
            lifetime: if given.generated { GENERATED_TTL } else { self.lifetime },
        };
        if key.generated {
            // Nobody will ask for it again but a retry, which may come to any replica.
            let (stored, source) = Box::pin(self.store.perform(caller, command, &key, deadline)).await?;
            return key.answer(&stored, source);
        }
        let scope = (key.caller_id, key.method, key.key.clone());
        if let Some(stored) = self.cache.get(&scope).await {
            return key.answer(&stored, Source::Memory);
        }
        // In a box: a write's future is large, and would make that of a replay as large.
        Box::pin(self.perform_or_wait(scope, caller, command, &key, deadline)).await
    }

    /// Of identical calls at the same time on this replica, one performs and the others wait for it.
    async fn perform_or_wait(
        &self,
        scope: (Uuid, &'static str, String),
        caller: &Identity,
        command: &Command,
        key: &Key,
        deadline: Deadline,
    ) -> Result<Answer, ServiceError> {
        loop {
            let mut source = Source::Memory;
            let mut failure = None;
            let perform = async {
                let performed = self.store.perform(caller, command, key, deadline).await;
                let (stored, from) = performed.map_err(|error| failure = Some(error))?;
                source = from;
                Ok(stored)
            };
            let outcome: Result<Stored, Arc<()>> = self.cache.try_get_with(scope.clone(), perform).await;
            match (outcome, failure) {
                (Ok(stored), _) => return key.answer(&stored, source),
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

/// Removes expired keys for as long as the service runs, beginning at once.
pub(crate) async fn sweep_expired_keys(store: Store) {
    loop {
        match sweep_all(&store).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "Idempotency: expired keys removed"),
            Err(error) => {
                tracing::warn!(%error, "Idempotency: expired keys could not be removed; trying again later");
            }
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Batch after batch, until none is left; the number removed.
async fn sweep_all(store: &Store) -> Result<u64, ServiceError> {
    let mut swept = 0;
    loop {
        match store.sweep_expired_keys().await? {
            0 => return Ok(swept),
            batch => swept += batch,
        }
    }
}
