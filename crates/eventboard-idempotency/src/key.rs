//! A key: what it is, what it stands for, and what is answered to a request that came with it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use eventboard_domain::Refusal;
use uuid::Uuid;

use crate::outcome::Outcome;

/// A key as it came with a call.
#[derive(Debug, Clone)]
pub struct GivenKey {
    /// The key itself.
    pub key: String,
    /// The same for all attempts of one request of the client.
    pub request_id: Uuid,
    /// Made by the gateway, or by the service for a call that came without one.
    pub generated: bool,
}

/// What is performed, as part of a key's scope: all services keep their keys in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The service's name: `events-service`.
    pub service: &'static str,
    /// The name of the gRPC method: `Create`.
    pub method: &'static str,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.method)
    }
}

/// A key with its scope and what it protects.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose key it is.
    pub caller_id: Uuid,
    /// What it is for.
    pub operation: Operation,
    /// The key itself.
    pub key: String,
    /// What the request asks for.
    pub fingerprint: [u8; 32],
    /// The same for all attempts of one request of the client.
    pub request_id: Uuid,
    /// Not the client's own.
    pub generated: bool,
    /// How long it is remembered.
    pub lifetime: Duration,
}

/// What a key stands for once its effect is committed.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What the request asked for.
    pub fingerprint: Vec<u8>,
    /// The request that had the effect.
    pub request_id: Uuid,
    /// The response, as the service encoded it.
    pub response: Arc<[u8]>,
    /// By this process's own clock, whatever the database's says.
    pub expires_at: Instant,
}

/// Where a response comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The effect happened just now.
    Performed,
    /// An earlier attempt or request had the effect.
    Database,
    /// As above, and this replica still knew.
    Memory,
}

/// The response to a write.
#[derive(Debug)]
pub struct Answer {
    /// As the service encoded it.
    pub response: Arc<[u8]>,
    /// Whether an earlier request of the client had the effect.
    pub replayed: bool,
}

impl Key {
    /// What the key stands for when this response is committed.
    pub fn stored(&self, response: impl Into<Arc<[u8]>>) -> Stored {
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
    /// When the key was used for something else.
    pub(crate) fn answer(&self, stored: &Stored, source: Source) -> Result<Answer, Refusal> {
        if stored.fingerprint != self.fingerprint {
            self.log(Outcome::Conflict);
            return Err(Refusal::KeyReused);
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
        outcome.count();
        let (message, outcome, operation) = (outcome.message(), outcome.name(), self.operation);
        tracing::info!(idempotency_key = self.key, %operation, outcome, "{message}");
    }
}
