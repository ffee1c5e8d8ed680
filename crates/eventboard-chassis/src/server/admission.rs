//! Admission control: limits the number of concurrent requests. Requests above the limit are rejected immediately,
//! not queued.

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use metrics::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::{
    error::{ErrorCode, ServiceError},
    layer::{Inner, Next},
};

/// The concurrency limit of one service.
#[derive(Clone)]
pub struct Admission {
    permits: Arc<Semaphore>,
    shed: Counter,
}

/// Returns the counter of the requests that were rejected under overload. `reason` says which limit was exceeded.
pub fn shed_requests(reason: &'static str) -> Counter {
    metrics::counter!("eventboard_shed_requests_total", "reason" => reason)
}

impl Admission {
    /// Creates a limit of `max_requests` concurrent requests.
    pub fn new(max_requests: u32) -> Self {
        let permits = Arc::new(Semaphore::new(max_requests as usize));
        Self { permits, shed: shed_requests("concurrency") }
    }

    /// Returns a permit. The request counts until its permit is dropped.
    ///
    /// # Errors
    /// `Overloaded` when the limit is reached.
    pub fn admit(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            self.shed.increment(1);
            ServiceError::new(ErrorCode::Overloaded, "The service is overloaded. Try again shortly.")
        })
    }
}

/// Admits a gRPC call, or responds with `RESOURCE_EXHAUSTED`. The gateway does not retry such a call.
pub(super) async fn admit_call(admission: Admission, request: Request, next: Next<impl Inner>) -> Response {
    match admission.admit() {
        Ok(_permit) => next.run(request).await,
        Err(error) => Status::from(error).into_http(),
    }
}
