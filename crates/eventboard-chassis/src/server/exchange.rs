//! One request and its response, until the client has taken the response: what it holds of the limits for unread
//! responses, and whether the client takes it.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use futures::FutureExt;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    activity::Activity,
    admission::{Requester, shed_requests},
    calls::MAX_DEADLINE,
};
use crate::{
    error::{ErrorCode, ServiceError},
    fairness::{Client, HeldMemory, MemoryExhausted, SharedMemory, address_block},
    layer::{Inner, Next},
};

/// The largest piece of a response that is handed to hyper. A client with a 1-byte window makes h2 buffer a whole
/// piece, and only a whole piece counts as progress: 16 KiB in ten seconds is slower than any usable network.
const MAX_PIECE: usize = 16 * 1024;

/// How many bytes a request that may change something holds before it runs. The longest response to a write, an event
/// with the longest texts, has some 25 KB. So a write is refused before it takes effect, not after.
const MAX_WRITE_RESPONSE: usize = 32 * 1024;

/// How many bytes of a connection's room a read reserves until the length of its response is known.
const RESERVED: u32 = 64 * 1024;

/// What limits the bytes of unread responses on a connection.
#[derive(Debug)]
pub(super) struct UnreadLimits {
    /// The room in the connection, with one permit per byte. Its requests wait until there is room. `None` if the
    /// connection has the requests of many clients.
    pub(super) connection: Option<Arc<Semaphore>>,
    /// The memory of the process. Responses for which there is no memory are rejected.
    pub(super) process: SharedMemory,
}

/// A request and its response. It ends when the last clone is dropped. Requests carry it as an extension.
#[derive(Debug, Clone)]
pub(super) struct Exchange(Arc<ExchangeInner>);

#[derive(Debug)]
struct ExchangeInner {
    activity: Arc<Activity>,
    number: u64,
    limits: Arc<UnreadLimits>,
    /// The address of the client, as long as nobody knows better who holds the memory.
    peer: IpAddr,
    held: Mutex<HeldResponse>,
}

/// What a response holds until the client has taken it.
#[derive(Debug, Default)]
struct HeldResponse {
    room: Option<OwnedSemaphorePermit>,
    memory: Option<HeldMemory>,
}

impl Drop for ExchangeInner {
    fn drop(&mut self) {
        self.activity.end_exchange(self.number);
    }
}

impl Exchange {
    /// A request whose head has arrived, as this number of the connection's activity.
    pub(super) fn new(
        number: u64,
        activity: &Arc<Activity>,
        limits: &Arc<UnreadLimits>,
        peer: IpAddr,
    ) -> Self {
        Self(Arc::new(ExchangeInner {
            activity: Arc::clone(activity),
            number,
            limits: Arc::clone(limits),
            peer,
            held: Mutex::default(),
        }))
    }

    /// Waits until the client takes what was already written to its connection.
    pub(super) async fn wait_until_writable(&self) {
        self.0.activity.wait_until_writable().await;
    }

    /// Closes the connection gracefully, after the requests that are in progress on it.
    pub(super) fn close_connection(&self) {
        self.0.activity.begin_close();
    }

    /// Whether the connection is being closed gracefully.
    pub(super) fn is_closing(&self) -> bool {
        self.0.activity.is_closing()
    }

    /// Sets how the HTTP/2 stream of the response is reset.
    pub(super) fn set_reset(&self, reset: Option<CancellationToken>) {
        self.0.activity.set_reset(self.0.number, reset);
    }

    /// Allows the response to send nothing for as long as its connection exists. Returns the token that is cancelled
    /// when the connection is being closed. Then the response must end.
    pub(super) fn set_endless(&self) -> CancellationToken {
        self.0.activity.set_endless(self.0.number);
        self.0.activity.closing().clone()
    }

    /// Passes the response on in small pieces, and follows them until they are written to the socket.
    pub(super) fn track(self, response: Response) -> http::Response<TrackedBody> {
        // Error documents are made after `bound_response`, and bodies are compressed.
        self.count(&response.body().size_hint());
        response.map(|body| TrackedBody { body, rest: Bytes::new(), exchange: self })
    }

    /// Prepares for a request of this client that changes nothing: waits until the connection has room for its response.
    /// The response itself can still be refused, because the client can repeat the request.
    async fn prepare_read(&self, client: Client) -> Result<(), ServiceError> {
        let reserved = match &self.0.limits.connection {
            Some(room) => {
                let reserving = Arc::clone(room).acquire_many_owned(RESERVED);
                let reserved = timeout(MAX_DEADLINE, reserving).await;
                let reserved = reserved.map_err(|_| ServiceError::deadline_exceeded())?;
                Some(reserved.map_err(ServiceError::internal)?)
            }
            None => None,
        };
        *self.held() = HeldResponse { room: reserved, memory: Some(self.0.limits.process.hold(client)) };
        Ok(())
    }

    /// Prepares for any other request of this client. It does not wait for room in the connection, because its body would
    /// wait too, and fill the HTTP/2 window that the bodies of the running requests need.
    fn prepare_write(&self, client: Client) -> Result<(), ServiceError> {
        let mut memory = self.0.limits.process.hold(client);
        memory.try_grow(MAX_WRITE_RESPONSE).map_err(|MemoryExhausted| unread_responses())?;
        *self.held() = HeldResponse { room: None, memory: Some(memory) };
        Ok(())
    }

    /// Counts the bytes of the response, instead of what was reserved.
    ///
    /// # Errors
    /// `Overloaded` when there is no memory for them.
    fn hold(&self, bytes: usize) -> Result<(), ServiceError> {
        let mut held = self.held();
        let Some(memory) = &mut held.memory else { return Ok(()) };
        memory.shrink_to(bytes);
        if memory.try_grow(bytes - memory.bytes()).is_err() {
            *held = HeldResponse::default();
            return Err(unread_responses());
        }
        held.resize_room(&self.0.limits, bytes);
        Ok(())
    }

    /// Counts the bytes of the response as it is sent. Of a stream, only a lower bound is known, which may be less than what
    /// is counted already.
    fn count(&self, length: &SizeHint) {
        let bytes = usize::try_from(length.lower()).unwrap_or(usize::MAX);
        let mut held = self.held();
        let peer = Client::Address(address_block(self.0.peer));
        let memory = held.memory.get_or_insert_with(|| self.0.limits.process.hold(peer));
        if bytes > memory.bytes() {
            memory.grow(bytes - memory.bytes());
        } else if length.exact().is_some() {
            memory.shrink_to(bytes);
        } else {
            return;
        }
        held.resize_room(&self.0.limits, bytes);
    }

    fn held(&self) -> MutexGuard<'_, HeldResponse> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldResponse {
    /// A response may be larger than the room in its connection. Then further requests wait for all of that room.
    fn resize_room(&mut self, limits: &UnreadLimits, bytes: usize) {
        let Some(connection) = &limits.connection else { return };
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if let (Some(room), true) = (&mut self.room, bytes <= held) {
            drop(room.split(held - bytes));
            return;
        }
        let missing = (bytes - held).min(connection.available_permits());
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(connection).try_acquire_many_owned(missing) else { return };
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
    }
}

fn unread_responses() -> ServiceError {
    unread_responses_counter().increment(1);
    ServiceError::new(ErrorCode::Overloaded, "Too many responses have not been read. Try again shortly.")
}

/// Counts requests that were rejected because too many bytes of other responses are unread.
pub(super) fn unread_responses_counter() -> metrics::Counter {
    shed_requests("unread_responses")
}

/// Runs a request when its connection holds few unread bytes, and counts the bytes of the response for this client until
/// they are written to the socket. Without this limit, a client that requests much and reads nothing fills the memory.
///
/// # Errors
/// `Overloaded` when the client's other responses hold too many unread bytes, and `DeadlineExceeded` when the connection
/// has no room for long.
pub async fn bound_response(
    client: Client,
    request: Request,
    next: Next<impl Inner>,
) -> Result<Response, ServiceError> {
    let Some(exchange) = request.extensions().get::<Exchange>().cloned() else {
        return Ok(next.run(request).await);
    };
    if request.method().is_safe() {
        exchange.prepare_read(client).await?;
    } else {
        exchange.prepare_write(client)?;
    }
    let (head, mut body) = next.run(request).await.into_parts();
    // The bodies of this project are in memory, in one frame. If the first frame is not ready, it is a stream of small
    // messages.
    let body = match body.frame().now_or_never() {
        Some(Some(first)) => PeekedBody { first: Some(first), body },
        Some(None) => PeekedBody { first: None, body: Body::empty() },
        None => PeekedBody { first: None, body },
    };
    exchange.hold(body.first_length())?;
    Ok(Response::from_parts(head, Body::new(body)))
}

/// Like [`bound_response`], for a gRPC call. Responds with `RESOURCE_EXHAUSTED`, which the gateway does not retry.
pub(super) async fn bound_call((): (), request: Request, next: Next<impl Inner>) -> Response {
    let client = Requester::of_call(&request).sender();
    let response = bound_response(client, request, next).await;
    response.unwrap_or_else(|error| Status::from(error).into_http())
}

/// A body whose first frame was already taken from it.
struct PeekedBody {
    first: Option<Result<Frame<Bytes>, axum::Error>>,
    body: Body,
}

impl PeekedBody {
    fn first_length(&self) -> usize {
        let data = self.first.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        data.map_or(0, Bytes::len)
    }
}

impl HttpBody for PeekedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        longer_by(self.first_length(), &self.body.size_hint())
    }
}

fn longer_by(length: usize, hint: &SizeHint) -> SizeHint {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let mut longer = SizeHint::new();
    longer.set_lower(hint.lower().saturating_add(length));
    if let Some(upper) = hint.upper() {
        longer.set_upper(upper.saturating_add(length));
    }
    longer
}

/// A response body in pieces of at most [`MAX_PIECE`], which are followed until they are written to the socket.
pub(super) struct TrackedBody {
    body: Body,
    /// What is left of the current frame.
    rest: Bytes,
    exchange: Exchange,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(MAX_PIECE);
        let bytes = self.rest.split_to(length);
        let piece = Piece::new(bytes, self.exchange.clone());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        longer_by(self.rest.len(), &self.body.size_hint())
    }
}

impl Drop for TrackedBody {
    /// hyper drops the body when it has handed the last piece to h2. From then on, the stream has no task that could
    /// be stopped to reset it.
    fn drop(&mut self) {
        self.exchange.set_reset(None);
    }
}

/// A piece of a response. It is dropped when it is written to the socket, or when its stream or connection ends.
struct Piece {
    bytes: Bytes,
    exchange: Exchange,
}

impl Piece {
    fn new(bytes: Bytes, exchange: Exchange) -> Self {
        exchange.0.activity.send_piece(exchange.0.number);
        Self { bytes, exchange }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.exchange.0.activity.finish_piece(self.exchange.0.number);
    }
}
