//! Receives the bodies of requests, with limits for slow clients and for the memory of all bodies together.
//!
//! A body is received before its request is admitted, or while its request has given its place back
//! ([`Admission`](super::Admission) limits work), so that clients who send slowly take no capacity from others.

use std::{error::Error, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use eventboard_domain::Violations;
use futures::StreamExt;
use metrics::Counter;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::{
    admission::{Requester, shed_requests},
    request_body::BodyCutOff,
};
use crate::{
    error::{ErrorCode, ServiceError},
    fairness::{Client, HeldMemory, MemoryExhausted, SharedMemory},
    layer::{Inner, Next},
};

/// A body may take this long, whatever its length.
const GRACE: Duration = Duration::from_secs(5);

/// After [`GRACE`], a body must have arrived with at least this many bytes per second.
const MIN_RATE: u64 = 1024;

/// The memory for all bodies of one server, in bytes.
const MAX_MEMORY: usize = 64 * 1024 * 1024;

/// The memory for a request whose body has not arrived: its head, its task and its stream. So the number of such
/// requests is limited too.
const MEMORY_OF_HEAD: usize = 8 * 1024;

/// The maximum length of a gRPC message, in bytes. The gateway accepts bodies of 64 KiB, and a message has less than
/// the JSON from which it is made.
const MAX_MESSAGE: usize = 128 * 1024;

/// Receives the bodies of one server, by default with memory for 64 MiB. The clients share it fairly.
#[derive(Clone)]
pub struct BodyReceiver {
    memory: SharedMemory,
    shed: Counter,
}

/// A complete body.
pub struct ReceivedBody {
    /// The body.
    pub bytes: Bytes,
    /// Counts the body's memory until it is dropped.
    _memory: HeldMemory,
}

/// Why a body was not received.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than allowed.
    TooLong,
    /// It arrived with less than 1 KiB per second, or its client stopped sending while the server stops.
    TooSlow,
    /// The client did not send all of it.
    Incomplete,
    /// The bodies of all requests together need too much memory, or those of this client.
    OutOfMemory,
}

impl BodyReceiver {
    fn with_memory(bytes: usize) -> Self {
        Self { memory: SharedMemory::new(bytes), shed: shed_requests("body_memory") }
    }

    /// Receives a body of at most `max_length` bytes from this client.
    ///
    /// # Errors
    /// When the body is too long, too slow or incomplete, or when there is no memory for it.
    pub async fn receive(
        &self,
        client: Client,
        body: Body,
        max_length: usize,
    ) -> Result<ReceivedBody, BodyError> {
        let start = Instant::now();
        let mut stream = body.into_data_stream();
        let mut memory = self.memory.hold(client);
        self.grow(&mut memory, MEMORY_OF_HEAD)?;
        // Every chunk is copied, because a short one would keep the whole buffer that it was read into.
        let mut bytes = Vec::new();
        loop {
            let next = timeout_at(due(start, bytes.len()), stream.next()).await;
            let Some(chunk) = next.map_err(|_| BodyError::TooSlow)? else { break };
            let chunk = chunk.map_err(|error| read_error(&error))?;
            if bytes.len() + chunk.len() > max_length {
                return Err(BodyError::TooLong);
            }
            self.grow(&mut memory, chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(ReceivedBody { bytes: bytes.into(), _memory: memory })
    }

    fn grow(&self, memory: &mut HeldMemory, bytes: usize) -> Result<(), BodyError> {
        memory.try_grow(bytes).map_err(|MemoryExhausted| {
            self.shed.increment(1);
            BodyError::OutOfMemory
        })
    }
}

impl Default for BodyReceiver {
    fn default() -> Self {
        Self::with_memory(MAX_MEMORY)
    }
}

fn read_error(error: &axum::Error) -> BodyError {
    let mut causes =
        std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    if causes.any(|cause| cause.is::<BodyCutOff>()) { BodyError::TooSlow } else { BodyError::Incomplete }
}

/// When more than `received` bytes must have arrived.
fn due(start: Instant, received: usize) -> Instant {
    start + GRACE + Duration::from_micros(received as u64 * 1_000_000 / MIN_RATE)
}

impl From<BodyError> for ServiceError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLong => Violations::one("body", "is too long").into(),
            BodyError::Incomplete => Violations::one("body", "is incomplete").into(),
            BodyError::TooSlow => {
                Self::new(ErrorCode::DeadlineExceeded, "The body of the request arrived too slowly.")
            }
            BodyError::OutOfMemory => {
                Self::new(ErrorCode::Overloaded, "The service is overloaded. Try again shortly.")
            }
        }
    }
}

/// Receives the message of a gRPC call. tonic would receive it after the call was admitted. All methods are unary, so
/// a call has one message.
pub(super) async fn receive_message(
    receiver: BodyReceiver,
    request: Request,
    next: Next<impl Inner>,
) -> Response {
    let client = Requester::of_call(&request).sender();
    let (head, body) = request.into_parts();
    match receiver.receive(client, body, MAX_MESSAGE).await {
        Ok(received) => next.run(Request::from_parts(head, Body::from(received.bytes.clone()))).await,
        Err(error) => Status::from(ServiceError::from(error)).into_http(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream::{self, Stream};

    use super::*;

    /// A chunk of this length every second, the first one after a second.
    fn chunk_per_second(length: usize) -> impl Stream<Item = Result<Vec<u8>, Infallible>> {
        stream::unfold((), move |()| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok(vec![b'x'; length]), ()))
        })
    }

    fn client(number: u8) -> Client {
        Client::Address([192, 0, 2, number].into())
    }

    async fn receive(body: Body) -> Result<usize, BodyError> {
        let received = BodyReceiver::default().receive(client(1), body, 64 * 1024).await;
        received.map(|received| received.bytes.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_with_at_least_1_kib_per_second_is_received() {
        let body = Body::from_stream(chunk_per_second(1024).take(64));
        assert_eq!(receive(body).await, Ok(64 * 1024));
        let short = Body::from_stream(chunk_per_second(1).take(4));
        assert_eq!(receive(short).await, Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slower_body_fails_as_soon_as_it_is_too_slow() {
        let started = Instant::now();
        let silent = stream::pending::<Result<Vec<u8>, Infallible>>();
        assert_eq!(receive(Body::from_stream(silent)).await, Err(BodyError::TooSlow));
        assert_eq!(started.elapsed(), GRACE);
        // Nine seconds would need more than the 4000 bytes of the first eight.
        let started = Instant::now();
        assert_eq!(receive(Body::from_stream(chunk_per_second(500))).await, Err(BodyError::TooSlow));
        assert_eq!(started.elapsed().as_secs(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_but_empty_chunks_is_too_slow() {
        assert_eq!(receive(Body::from_stream(chunk_per_second(0))).await, Err(BodyError::TooSlow));
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_or_incomplete_fails() {
        assert_eq!(receive(Body::from(vec![b'x'; 64 * 1024])).await, Ok(64 * 1024));
        assert_eq!(receive(Body::from(vec![b'x'; 64 * 1024 + 1])).await, Err(BodyError::TooLong));
        let broken = stream::iter([Ok("some"), Err(std::io::Error::other("reset"))]);
        assert_eq!(receive(Body::from_stream(broken)).await, Err(BodyError::Incomplete));
        let cut_off = stream::iter([Ok("some"), Err(BodyCutOff)]);
        assert_eq!(receive(Body::from_stream(cut_off)).await, Err(BodyError::TooSlow));
    }

    #[tokio::test]
    async fn the_bodies_of_a_client_leave_memory_for_those_of_others() {
        let receiver = BodyReceiver::with_memory(100 * MEMORY_OF_HEAD);
        let receive = async |number| receiver.receive(client(number), Body::empty(), 0).await;
        let mut held = Vec::new();
        let refused = loop {
            match receive(1).await {
                Ok(body) => held.push(body),
                Err(error) => break error,
            }
        };
        assert_eq!((held.len(), refused), (12, BodyError::OutOfMemory));
        assert!(receive(2).await.is_ok());
        held.pop();
        assert!(receive(1).await.is_ok(), "a body that was read frees its memory");
    }
}
