//! Room for a bounded number of requests; what finds none is refused at once instead of queueing.

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use metrics::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::{
    error::{ErrorCode, ServiceError},
    layer::{Inner, Next},
};

/// The room of one service.
#[derive(Clone)]
pub struct Admission {
    room: Arc<Semaphore>,
    shed: Counter,
}

/// Counts requests that were refused because there was no room for them, by what was full.
pub fn shed_requests(reason: &'static str) -> Counter {
    metrics::counter!("eventboard_shed_requests_total", "reason" => reason)
}

impl Admission {
    /// Room for `requests` at once.
    pub fn new(requests: u32) -> Self {
        Self { room: Arc::new(Semaphore::new(requests as usize)), shed: shed_requests("concurrency") }
    }

    /// A place, held until it is dropped.
    ///
    /// # Errors
    /// `Overloaded` when all places are taken.
    pub fn admit(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            self.shed.increment(1);
            ServiceError::new(ErrorCode::Overloaded, "Too much is going on right now. Try again shortly.")
        })
    }
}

/// Lets a gRPC call in, or answers `RESOURCE_EXHAUSTED`, which the gateway does not retry.
pub(super) async fn admit_call(admission: Admission, request: Request, next: Next<impl Inner>) -> Response {
    match admission.admit() {
        Ok(_place) => next.run(request).await,
        Err(error) => Status::from(error).into_http(),
    }
}
