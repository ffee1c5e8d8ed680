//! One HTTP/2 connection to one replica, and the calls in flight on it.
//!
//! It uses HTTP/2 directly and not tonic's `Channel`. A `Channel` hides whether a request was ever sent, reports a
//! dead endpoint as ready (grpc-rust #2839), and passes each call through the queues of two other tasks. There are no
//! HTTP/2 pings, because the health probes detect a dead peer.

use std::{
    future::ready,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use eventboard_chassis::grpc::{LAST_RESORT, MAX_HEADER_LIST_BYTES, grpc_code};
use h2::{Reason, RecvStream, client::SendRequest};
use http::{
    HeaderMap, Request, Response, StatusCode, Uri, response,
    uri::{Authority, Scheme},
};
use http_body_util::{BodyExt, Full};
use tokio::{net::TcpStream, task::AbortHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, body::Body, metadata::MetadataValue};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    buffer::buffer_request, error::CallError, header_list::header_list_bytes, http_error::http_error_response,
};

/// The time limit for opening a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call that the replica rejected with `UNAVAILABLE` still counts as load, as if it were in flight.
const REFUSAL_PENALTY: Duration = Duration::from_secs(1);

/// HTTP/2 flow-control window, in bytes. As large as the largest response, so that no response waits for the window.
const FLOW_CONTROL_WINDOW: u32 = 4 * 1024 * 1024;

/// How many streams that were reset within the last second are remembered, to ignore late responses on them.
const MAX_RESET_STREAMS: usize = 10_000;

/// Largest response, in bytes. A page of 100 events with the longest texts (4 bytes a character) is smaller.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// The reason for a call that was not sent because its connection was closing.
const CONNECTION_CLOSING: &str = "the connection is closing";

/// A replica that does not respond to a health probe in this time is unresponsive.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// A connection and its counters.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    authority: Authority,
    sender: SendRequest<Bytes>,
    /// The task that drives the connection.
    task: AbortHandle,
    /// Cancelled when nothing more can be sent.
    closed: CancellationToken,
    in_flight: AtomicUsize,
    /// `UNAVAILABLE` responses within [`REFUSAL_PENALTY`].
    recent_refusals: AtomicUsize,
    opened_at: Instant,
    /// When the replica last responded, or got its first call after a pause. Milliseconds since `opened_at`.
    last_activity: AtomicU64,
}

/// The result of a health probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeResult {
    /// The replica accepts requests.
    Serving,
    /// The replica reports that it does not accept requests: it drains, or its database is unavailable.
    NotServing,
    /// The replica did not respond.
    NoResponse,
}

impl Connection {
    /// Opens a connection, within [`CONNECT_TIMEOUT`].
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(FLOW_CONTROL_WINDOW)
            .initial_connection_window_size(FLOW_CONTROL_WINDOW)
            // A call whose deadline passes resets its stream. h2 limits resets to protect against attackers and would
            // close the connection with all its calls. These limits are raised or removed, because both peers are
            // trusted.
            .max_concurrent_reset_streams(MAX_RESET_STREAMS)
            .max_local_error_reset_streams(None)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        let closed = CancellationToken::new();
        let close = closed.clone().drop_guard();
        let task = tokio::spawn(async move {
            let _close = close;
            if let Err(error) = connection.await {
                tracing::debug!(%address, %error, "A connection to a replica ended with an error");
            }
        });
        let authority = Authority::try_from(address.to_string()).map_err(io::Error::other)?;
        Ok(Self {
            address,
            authority,
            sender,
            task: task.abort_handle(),
            closed,
            in_flight: AtomicUsize::new(0),
            recent_refusals: AtomicUsize::new(0),
            opened_at: Instant::now(),
            last_activity: AtomicU64::new(0),
        })
    }

    /// The number of calls that wait for a response.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The load by which replicas are compared: calls in flight plus recently rejected calls.
    pub(crate) fn load(&self) -> usize {
        self.in_flight() + self.recent_refusals.load(Ordering::Relaxed)
    }

    /// How long calls have waited without any activity from the replica. Zero when no call is in flight.
    pub(crate) fn time_since_activity(&self) -> Duration {
        if self.in_flight() == 0 {
            return Duration::ZERO;
        }
        let last_activity =
            self.opened_at + Duration::from_millis(self.last_activity.load(Ordering::Relaxed));
        Instant::now().saturating_duration_since(last_activity)
    }

    /// Completes when nothing more can be sent: the peer closed the connection or announced that it will. Calls in
    /// flight may still get their responses.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Whether nothing more can be sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Waits for the sender of the next call. `None` when nothing more can be sent.
    async fn ready_sender(&self) -> Option<SendRequest<Bytes>> {
        let ready = self.sender.clone().ready().await;
        // The peer announced that it will close. The connection itself ends only after the calls in flight.
        ready.inspect_err(|_| self.closed.cancel()).ok()
    }

    /// Ends the connection immediately. All calls in flight on it fail.
    pub(crate) fn abort(&self) {
        self.task.abort();
    }

    fn record_activity(&self) {
        let elapsed = u64::try_from(self.opened_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_activity.store(elapsed, Ordering::Relaxed);
    }

    /// Counts a call that is about to be sent.
    pub(crate) fn begin_call(connection: &Arc<Self>) -> Call {
        if connection.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
            connection.record_activity();
        }
        Call(Arc::clone(connection))
    }

    /// Calls the gRPC health service of the replica over this connection. With `is_last_resort`, tells the replica that
    /// no other one is ready, so that it goes on serving if it drains.
    pub(crate) async fn probe(&self, grpc_service: &'static str, is_last_resort: bool) -> ProbeResult {
        let mut client = HealthClient::new(tower::service_fn(async |request: Request<Body>| {
            let request = buffer_request(request).await?;
            let sender = self.ready_sender().await.ok_or(CallError::NotConnected(CONNECTION_CLOSING))?;
            self.send(sender, request).await
        }));
        let mut request = tonic::Request::new(HealthCheckRequest { service: grpc_service.to_owned() });
        if is_last_resort {
            request.metadata_mut().insert(LAST_RESORT, MetadataValue::from_static("true"));
        }
        match tokio::time::timeout(PROBE_TIMEOUT, client.check(request)).await {
            Ok(Ok(reply)) => {
                self.record_activity();
                if reply.get_ref().status() == ServingStatus::Serving {
                    ProbeResult::Serving
                } else {
                    ProbeResult::NotServing
                }
            }
            Ok(Err(_)) | Err(_) => ProbeResult::NoResponse,
        }
    }

    /// Sends the request and reads the whole response.
    async fn send(
        &self,
        mut sender: SendRequest<Bytes>,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, CallError> {
        let (head, body) = self.with_authority(request)?.into_parts();
        let bytes = header_list_bytes(&head);
        if bytes >= MAX_HEADER_LIST_BYTES as usize {
            return Err(CallError::HeadersTooLarge { bytes });
        }
        // If this fails, the request was not sent.
        let (response, mut stream) = sender
            .send_request(Request::from_parts(head, ()), body.is_empty())
            .map_err(|_| CallError::NotConnected(CONNECTION_CLOSING))?;
        if !body.is_empty() {
            // If this fails, `response` yields the response or the error.
            stream.send_data(body, true).ok();
        }
        let (head, mut body) =
            response.await.map_err(|error| self.failure_before_response(error))?.into_parts();
        if head.status != StatusCode::OK && grpc_code(&head.headers).is_none() {
            return Ok(http_error_response(head.status));
        }
        let message = read_message(&mut body).await.map_err(|error| self.connection_lost(error))?;
        let trailers = body.trailers().await.map_err(|error| self.connection_lost(error))?;
        Ok(build_response(head, message?, trailers))
    }

    /// The failure of a call whose stream ended before a response.
    ///
    /// The replica certainly did not perform the call if it reset the stream with `REFUSED_STREAM`, or if the stream is
    /// beyond the last one that its GOAWAY announces, whatever the error code (RFC 9113, sections 6.8 and 8.7). h2
    /// reports a received GOAWAY only to these streams. The other streams go on.
    ///
    /// In all other cases it cannot be known. When the connection ends, h2 reports the same I/O error to every open
    /// stream: to one that the replica performed, to one that it never read, and to one that was never written. This
    /// includes the streams up to the last one of a GOAWAY after which the replica closes the connection at once.
    fn failure_before_response(&self, error: h2::Error) -> CallError {
        let is_beyond_go_away = error.is_go_away() && error.is_remote();
        if is_beyond_go_away {
            // Nothing more can be sent. The connection itself ends only after the calls in flight.
            self.closed.cancel();
        }
        let is_refused_stream =
            error.is_reset() && error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
        if is_beyond_go_away || is_refused_stream {
            return CallError::Refused { replica: self.address, cause: error.into() };
        }
        self.connection_lost(error)
    }

    fn connection_lost(&self, error: h2::Error) -> CallError {
        CallError::ConnectionLost { replica: self.address, cause: error.into() }
    }

    fn with_authority(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, CallError> {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(self.authority.clone()));
        *request.uri_mut() = Uri::from_parts(uri).map_err(|error| CallError::Malformed(error.into()))?;
        Ok(request)
    }
}

/// A call in flight. It counts as load until it is dropped.
#[derive(Debug)]
pub(crate) struct Call(Arc<Connection>);

impl Call {
    /// The replica that the call is sent to.
    pub(crate) fn replica(&self) -> SocketAddr {
        self.0.address
    }

    /// Waits for the sender of the request. `None` when nothing more can be sent on the connection.
    pub(crate) async fn ready_sender(&self) -> Option<SendRequest<Bytes>> {
        self.0.ready_sender().await
    }

    /// Sends the request and reads the whole response, which may have an error status.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub(crate) async fn send(
        &self,
        sender: SendRequest<Bytes>,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, CallError> {
        let response = self.0.send(sender, request).await?;
        self.0.record_activity();
        if grpc_code(response.headers()) == Some(Code::Unavailable) {
            self.count_refusal();
        }
        Ok(response)
    }

    /// Counts a rejected call as load. Otherwise a replica that rejects calls immediately would get most of the
    /// calls, because it has the fewest calls in flight.
    fn count_refusal(&self) {
        let connection = Arc::clone(&self.0);
        connection.recent_refusals.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            tokio::time::sleep(REFUSAL_PENALTY).await;
            connection.recent_refusals.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads the body of a response. The outer error means that the connection failed, the inner one that the message is
/// too large.
async fn read_message(body: &mut RecvStream) -> Result<Result<Bytes, CallError>, h2::Error> {
    // There is nearly always a single frame. It is not copied.
    let (mut first, mut others) = (Bytes::new(), BytesMut::new());
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        if first.len() + others.len() + data.len() > MAX_RESPONSE_BYTES {
            return Ok(Err(CallError::Malformed("the response is too large".into())));
        }
        if first.is_empty() && others.is_empty() {
            first = data;
        } else {
            others.extend_from_slice(&std::mem::take(&mut first));
            others.extend_from_slice(&data);
        }
    }
    Ok(Ok(if others.is_empty() { first } else { others.freeze() }))
}

/// Builds a response. Moves an error status from the trailers to the headers, where the layers above look for it.
fn build_response(mut head: response::Parts, message: Bytes, trailers: Option<HeaderMap>) -> Response<Body> {
    let message = Full::new(message);
    let body = match trailers {
        None => Body::new(message),
        Some(trailers) if grpc_code(&trailers) == Some(Code::Ok) => {
            Body::new(message.with_trailers(ready(Some(Ok(trailers)))))
        }
        Some(trailers) => {
            head.headers.extend(trailers);
            Body::empty()
        }
    };
    Response::from_parts(head, body)
}
