//! Idempotency keys, their scope and their stored responses.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use eventboard_domain::{Identity, Refusal, Violations, check_idempotency_key};
use eventboard_proto::writes;
use uuid::Uuid;

use crate::outcome::KeyOutcome;

/// A key as received with a call.
#[derive(Debug, Clone)]
pub struct RequestKey {
    /// The key itself.
    pub key: String,
    /// The same for all attempts of one client request.
    pub request_id: Uuid,
    /// Whether the key was generated, by the gateway or, for a call without a key, by the service.
    pub generated: bool,
}

impl TryFrom<Option<writes::Idempotency>> for RequestKey {
    type Error = Violations;

    /// Reads the key of a call. A call without one gets a generated key, so that all writes use the same code path. A generated
    /// key does not protect against repeated requests.
    fn try_from(message: Option<writes::Idempotency>) -> Result<Self, Violations> {
        let Some(writes::Idempotency { key, request_id, generated }) = message else {
            let id = Uuid::now_v7();
            return Ok(Self { key: id.to_string(), request_id: id, generated: true });
        };
        let mut violations = Violations::default();
        let key = check_idempotency_key(key.as_bytes()).map(str::to_owned);
        let key = violations.check("Idempotency-Key", key);
        let request_id = Uuid::try_parse(&request_id).map_err(|_| "must be a UUID".to_owned());
        let request_id = violations.check("requestId", request_id);
        match (key, request_id) {
            (Some(key), Some(request_id)) => Ok(Self { key, request_id, generated }),
            _ => Err(violations),
        }
    }
}

/// The operation that a key belongs to. The service is part of it, because all services store their keys in one
/// table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The name of the service: `events-service`.
    pub service: &'static str,
    /// The name of the gRPC method: `Create`.
    pub method: &'static str,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.method)
    }
}

/// A key with its scope, and the request that it belongs to.
#[derive(Debug, Clone)]
pub struct ScopedKey {
    /// The caller that the key belongs to.
    pub caller: Identity,
    /// The operation that the key belongs to.
    pub operation: Operation,
    /// The key itself.
    pub key: String,
    /// The fingerprint of the request.
    pub fingerprint: [u8; 32],
    /// The same for all attempts of one client request.
    pub request_id: Uuid,
    /// Whether the key was generated and not sent by the client.
    pub generated: bool,
    /// How long the key is stored.
    pub lifetime: Duration,
    /// When the call was received, by the clock of this process. This is before the transaction of the write starts.
    pub received_at: Instant,
}

/// The response that is stored with a key after the write was committed.
#[derive(Debug, Clone)]
pub struct StoredResponse {
    /// The fingerprint of the request.
    pub fingerprint: Vec<u8>,
    /// The id of the request that performed the write.
    pub request_id: Uuid,
    /// The response, encoded by the service.
    pub response: Arc<[u8]>,
    /// When the key expires, by the clock of this process, so that it does not depend on the database clock. Never
    /// later than in the database: the remaining time is counted from when the call was received.
    pub expires_at: Instant,
}

/// The source of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseSource {
    /// This call performed the write.
    Performed,
    /// An earlier attempt or request performed the write. The response was read from the database.
    Database,
    /// An earlier attempt or request performed the write. The response was in the cache of this replica.
    Memory,
}

/// The response to a write.
#[derive(Debug)]
pub struct WriteResponse {
    /// The response, encoded by the service.
    pub encoded: Arc<[u8]>,
    /// Whether an earlier client request performed the write.
    pub replayed: bool,
}

impl ScopedKey {
    /// Returns the value to store for this key and response.
    pub fn to_stored(&self, response: impl Into<Arc<[u8]>>) -> StoredResponse {
        StoredResponse {
            fingerprint: self.fingerprint.to_vec(),
            request_id: self.request_id,
            response: response.into(),
            expires_at: self.received_at + self.lifetime,
        }
    }

    /// Converts a stored response into the response to this request.
    ///
    /// # Errors
    /// When the key was used for another request.
    pub(crate) fn write_response(
        &self,
        stored: &StoredResponse,
        source: ResponseSource,
    ) -> Result<WriteResponse, Refusal> {
        if stored.fingerprint != self.fingerprint {
            self.record(KeyOutcome::Conflict);
            return Err(Refusal::KeyReused);
        }
        let replayed = stored.request_id != self.request_id;
        match (source, replayed) {
            (ResponseSource::Performed, _) if self.generated => {
                // Not logged, because otherwise every write without a client key would be logged.
            }
            (ResponseSource::Performed, _) => self.record(KeyOutcome::New),
            (_, false) => self.record(KeyOutcome::Retried),
            (ResponseSource::Database, true) => self.record(KeyOutcome::Replayed),
            (ResponseSource::Memory, true) => self.record(KeyOutcome::CacheHit),
        }
        Ok(WriteResponse { encoded: Arc::clone(&stored.response), replayed })
    }

    fn record(&self, outcome: KeyOutcome) {
        outcome.count();
        let (message, outcome, operation) = (outcome.message(), outcome.name(), self.operation);
        tracing::info!(idempotency_key = self.key, %operation, outcome, "{message}");
    }
}
