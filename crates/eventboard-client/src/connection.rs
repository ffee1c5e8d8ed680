//! One HTTP/2 connection to one replica, and what is in flight on it.
//!
//! It is made by hand, right on HTTP/2, and not by the gRPC library's channel: that one hides whether a request ever left,
//! counts a dead endpoint as ready (grpc-rust #2839), and hands each call through the queues of two other tasks. A peer that
//! is gone is noticed by the probes, so there are no pings.

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
use eventboard_chassis::grpc::grpc_code;
use h2::{RecvStream, client::SendRequest};
use http::{
    HeaderMap, Request, Response, StatusCode, Uri, response,
    uri::{Authority, Scheme},
};
use http_body_util::{BodyExt, Full};
use tokio::{net::TcpStream, task::AbortHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, body::Body};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::BoxError;

use crate::{error::CallError, message::collect_request};

/// A connection that is not made in this time is not made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// For how long a refused call counts as if it were still in flight.
const REFUSAL_COUNTS_FOR: Duration = Duration::from_secs(1);

/// Bytes that a replica may send ahead: as many as the longest answer has, so that none waits for the window.
const WINDOW: u32 = 4 * 1024 * 1024;

/// Calls given up within the last second whose late answers are ignored.
const REMEMBERED_RESETS: usize = 10_000;

/// Largest answer, in bytes: a page of 100 events of the longest texts, four bytes a character, stays below it.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Why a call did not leave.
const CLOSING: &str = "the connection was closing";

/// A replica that does not answer its health check in this time hangs.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// A connection and what happens on it.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    authority: Authority,
    sender: SendRequest<Bytes>,
    /// Moves the bytes of all calls.
    task: AbortHandle,
    /// Nothing more can be sent.
    closed: CancellationToken,
    in_flight: AtomicUsize,
    /// Answers of `UNAVAILABLE` within the last moment.
    refused: AtomicUsize,
    opened: Instant,
    /// When the replica last answered anything, or was given something to do after a pause; milliseconds since
    /// `opened`.
    heard: AtomicU64,
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It wants work.
    Serving,
    /// It says itself that it does not want work: it drains, or its database is away.
    NotServing,
    /// It did not answer.
    Silent,
}

impl Connection {
    /// Connects, within a second.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            // A call ends by a reset whenever its deadline passes. Both ends are ours: h2's limits, which are made for
            // attackers, would end the connection with everything on it.
            .max_concurrent_reset_streams(REMEMBERED_RESETS)
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
            refused: AtomicUsize::new(0),
            opened: Instant::now(),
            heard: AtomicU64::new(0),
        })
    }

    /// Calls without an answer so far.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What speaks against sending the next call here.
    pub(crate) fn load(&self) -> usize {
        self.in_flight() + self.refused.load(Ordering::Relaxed)
    }

    /// For how long calls have been waiting without any sign of life of the replica; zero when none waits.
    pub(crate) fn silence(&self) -> Duration {
        if self.in_flight() == 0 {
            return Duration::ZERO;
        }
        let heard = self.opened + Duration::from_millis(self.heard.load(Ordering::Relaxed));
        Instant::now().saturating_duration_since(heard)
    }

    /// Nothing more can be sent: the peer closed the connection, or said that it will. What is in flight may still be
    /// answered.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Whether nothing more can be sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// What the next call is sent with; `None` when nothing more can be sent.
    async fn ready(&self) -> Option<SendRequest<Bytes>> {
        let ready = self.sender.clone().ready().await;
        // The peer said that it will close. The connection itself does not end before what is in flight has.
        ready.inspect_err(|_| self.closed.cancel()).ok()
    }

    /// Ends the connection, which fails everything that is in flight on it.
    pub(crate) fn break_off(&self) {
        self.task.abort();
    }

    fn hear(&self) {
        let since = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(since, Ordering::Relaxed);
    }

    /// Counts a call that is about to be sent.
    pub(crate) fn begin_call(connection: &Arc<Self>) -> Call {
        if connection.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
            connection.hear();
        }
        Call(Arc::clone(connection))
    }

    /// Asks the replica's gRPC health, as any other call over this connection.
    pub(crate) async fn probe(&self, grpc_service: &'static str) -> Probe {
        let mut client = HealthClient::new(tower::service_fn(async |request: Request<Body>| {
            let request = collect_request(request).await?;
            let sender = self.ready().await.ok_or(CallError::NotConnected(CLOSING))?;
            self.send(sender, request).await
        }));
        let request = HealthCheckRequest { service: grpc_service.to_owned() };
        match tokio::time::timeout(PROBE_TIMEOUT, client.check(request)).await {
            Ok(Ok(reply)) => {
                self.hear();
                if reply.get_ref().status() == ServingStatus::Serving {
                    Probe::Serving
                } else {
                    Probe::NotServing
                }
            }
            Ok(Err(_)) | Err(_) => Probe::Silent,
        }
    }

    /// Sends the request; the whole answer.
    async fn send(
        &self,
        mut sender: SendRequest<Bytes>,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, CallError> {
        let (head, body) = self.addressed(request)?.into_parts();
        let broken = |cause: BoxError| CallError::Broken { replica: self.address, cause };
        // What is refused here never left.
        let (answer, mut stream) = sender
            .send_request(Request::from_parts(head, ()), body.is_empty())
            .map_err(|_| CallError::NotConnected(CLOSING))?;
        if !body.is_empty() {
            // If this fails, the answer is there already, or the reason why there is none.
            stream.send_data(body, true).ok();
        }
        let (head, mut body) = answer.await.map_err(|error| broken(error.into()))?.into_parts();
        if head.status != StatusCode::OK && grpc_code(&head.headers).is_none() {
            return Err(broken(format!("HTTP status {} of no gRPC service", head.status).into()));
        }
        let message = message_of(&mut body).await.map_err(|error| broken(error.into()))?;
        let trailers = body.trailers().await.map_err(|error| broken(error.into()))?;
        Ok(answer_of(head, message?, trailers))
    }

    fn addressed(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, CallError> {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(self.authority.clone()));
        *request.uri_mut() = Uri::from_parts(uri).map_err(|error| CallError::Malformed(error.into()))?;
        Ok(request)
    }
}

/// A call in flight; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Call(Arc<Connection>);

impl Call {
    /// The replica that it goes to.
    pub(crate) fn replica(&self) -> SocketAddr {
        self.0.address
    }

    /// What the request is sent with; `None` when nothing more can be sent there.
    pub(crate) async fn ready(&self) -> Option<SendRequest<Bytes>> {
        self.0.ready().await
    }

    /// Sends the request; the whole answer, even a failed one.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn send(
        &self,
        sender: SendRequest<Bytes>,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, CallError> {
        let answer = self.0.send(sender, request).await?;
        self.0.hear();
        if grpc_code(answer.headers()) == Some(Code::Unavailable) {
            self.refused();
        }
        Ok(answer)
    }

    /// Who refuses at once has the fewest calls in flight, and would get most of them.
    fn refused(&self) {
        let connection = Arc::clone(&self.0);
        connection.refused.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            tokio::time::sleep(REFUSAL_COUNTS_FOR).await;
            connection.refused.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer. The outer error is the connection's, the inner one is for a message that is too long.
async fn message_of(body: &mut RecvStream) -> Result<Result<Bytes, CallError>, h2::Error> {
    // Nearly always there is one piece.
    let (mut first, mut others) = (Bytes::new(), BytesMut::new());
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        if first.len() + others.len() + data.len() > MAX_ANSWER {
            return Ok(Err(CallError::Malformed("the answer is too long".into())));
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

/// An answer with its status where it is looked for: a failure at the end reads like a failure at the beginning.
fn answer_of(mut head: response::Parts, message: Bytes, trailers: Option<HeaderMap>) -> Response<Body> {
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
