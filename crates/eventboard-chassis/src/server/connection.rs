//! Serves one connection with HTTP/1.1 or HTTP/2, and ends it when it exceeds a limit.

use std::{
    convert::Infallible,
    future::Future,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{HeaderValue, Request, Response, StatusCode, Version, header::CONTENT_LENGTH};
use hyper::{
    body::{Body as _, Incoming},
    rt::Executor,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use metrics::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Semaphore,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{
    activity::{AbortReason, Activity, Verdict},
    address_limit::{AddressLimit, AddressPermit},
    connection_limits::{ConnectionLimits, KEEP_ALIVE_MARGIN},
    exchange::{Exchange, TrackedBody, UnreadLimits, unread_responses_counter},
    keep_alive::{announce_close, announce_timeout, may_persist, timeout_value},
    request_body::RequestBody,
};
use crate::{fairness::SharedMemory, grpc::MAX_HEADER_LIST_BYTES, shutdown::Shutdown};

/// The largest HTTP/1 request head with its request line, in bytes.
const MAX_HTTP1_HEAD: usize = 128 * 1024;

/// The connection of an HTTP/2 peer that does not answer a keepalive ping is closed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A port is crowded while no more than this part of its connections is free.
const CROWDED_DIVISOR: usize = 8;

/// Serves the connections to one port.
pub(super) struct ConnectionServer {
    router: Router,
    limits: ConnectionLimits,
    addresses: Arc<AddressLimit>,
    /// One permit for each connection that may be open.
    places: Arc<Semaphore>,
    /// The value of `Keep-Alive`.
    keep_alive: HeaderValue,
    /// The bytes of unread responses.
    unread_in_process: SharedMemory,
    builder: Builder<StreamExecutor>,
    shutdown: Shutdown,
    /// Cancelled when all connections must be closed gracefully.
    closing: CancellationToken,
    ended: EndedConnections,
}

/// Counts connections that the server ended because of a limit.
struct EndedConnections {
    address_limit: Counter,
    head_timeout: Counter,
    unread_response: Counter,
}

impl EndedConnections {
    fn new() -> Self {
        let counter = |reason: &'static str| metrics::counter!("eventboard_ended_connections_total", "reason" => reason);
        Self {
            address_limit: counter("address_limit"),
            head_timeout: counter("head_timeout"),
            unread_response: counter("unread_response"),
        }
    }
}

impl ConnectionServer {
    pub(super) fn new(
        router: Router,
        limits: ConnectionLimits,
        addresses: AddressLimit,
        unread_in_process: SharedMemory,
        shutdown: Shutdown,
    ) -> Self {
        // Registered from the start, so that the metric always exists.
        drop(unread_responses_counter());
        Self {
            router,
            limits,
            addresses: Arc::new(addresses),
            places: Arc::new(Semaphore::new(limits.max_connections)),
            keep_alive: timeout_value(limits.idle_timeout.saturating_sub(KEEP_ALIVE_MARGIN)),
            unread_in_process,
            builder: builder(&limits),
            shutdown,
            closing: CancellationToken::new(),
            ended: EndedConnections::new(),
        }
    }

    /// One permit for each connection that may be open.
    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    /// Whether few connections are free, so that idle ones are closed early to make room for clients with requests.
    fn is_crowded(&self) -> bool {
        self.places.available_permits() <= self.limits.max_connections / CROWDED_DIVISOR
    }

    /// Closes all connections gracefully. Returns how long they may take.
    pub(super) fn close_connections(&self) -> Duration {
        self.closing.cancel();
        self.limits.shutdown_timeout
    }

    /// Counts the connection for its address. `None` if the address has too many, so that this one must be closed.
    pub(super) fn admit(&self, peer: SocketAddr) -> Option<AddressPermit> {
        let permit = AddressLimit::admit(&self.addresses, peer.ip());
        if permit.is_none() {
            self.ended.address_limit.increment(1);
            tracing::debug!(%peer, "A connection was closed, because its address has too many");
        }
        permit
    }

    /// Serves a connection until it ends.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: AddressPermit) {
        // Responses are small and each is written in one piece, so waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "Setting TCP_NODELAY failed");
        }
        let activity = Arc::new(Activity::new(self.limits));
        let unread = Arc::new(self.unread_limits(&permit));
        let must_reset = Arc::new(AtomicBool::new(false));
        let service = service_fn(|request: Request<Incoming>| {
            let has_body = !request.body().is_end_stream();
            let number = activity.begin_exchange(has_body);
            self.respond(request, peer, Exchange::new(number, &activity, &unread, peer.ip()))
        });
        let stream =
            MonitoredStream { stream, activity: Arc::clone(&activity), must_reset: Arc::clone(&must_reset) };
        let mut connection = Box::pin(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut check = pin!(sleep_until(Instant::now()));
        let mut stopping = pin!(self.closing.cancelled());
        let mut is_stopping = false;
        let mut closing = pin!(activity.closing().cancelled());
        let mut is_closing = false;
        let mut must_look_again = true;
        loop {
            tokio::select! {
                // Reads before it decides to close, so that a request which has just arrived is served.
                biased;
                result = &mut connection => {
                    if let Err(error) = result {
                        tracing::debug!(error, "A connection ended with an error");
                    }
                    return;
                }
                () = &mut stopping, if !is_stopping => {
                    is_stopping = true;
                    activity.begin_stop();
                    check.as_mut().reset(Instant::now());
                }
                () = &mut closing, if !is_closing => {
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                    check.as_mut().reset(Instant::now());
                }
                () = &mut check => match activity.check(self.is_crowded()) {
                    Verdict::CheckAt { next, reset_streams } => {
                        must_look_again = true;
                        self.ended.unread_response.increment(reset_streams);
                        check.as_mut().reset(next);
                    }
                    Verdict::Close if must_look_again => {
                        // This task may be late. The runtime polls the socket before it goes on.
                        must_look_again = false;
                        tokio::task::yield_now().await;
                        check.as_mut().reset(Instant::now());
                    }
                    Verdict::Close => activity.begin_close(),
                    Verdict::Abort(reason) => {
                        tracing::debug!(%peer, ?reason, "A connection was aborted");
                        must_reset.store(reason.discards_unsent(), Ordering::Relaxed);
                        self.ended.count(reason);
                        return;
                    }
                },
            }
        }
    }

    fn unread_limits(&self, permit: &AddressPermit) -> UnreadLimits {
        // An exempt address connects for many clients.
        let room = self.limits.unread_bytes.filter(|_| !permit.is_exempt());
        UnreadLimits {
            connection: room.map(|bytes| Arc::new(Semaphore::new(bytes))),
            process: self.unread_in_process.clone(),
        }
    }

    fn respond(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        exchange: Exchange,
    ) -> impl Future<Output = Result<Response<TrackedBody>, Infallible>> + Send + use<> {
        let is_http1 = request.version() < Version::HTTP_2;
        // While the port is crowded, an idle connection is closed early, so no time is promised.
        let keep_alive = (may_persist(&request) && !self.is_crowded()).then(|| self.keep_alive.clone());
        let mut request = request.map(|body| self.request_body(body));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(exchange.clone());
        let (response, shutdown) = (self.router.clone().call(request), self.shutdown.clone());
        let closes_http2_while_draining = self.limits.closes_http2_while_draining;
        async move {
            exchange.set_reset(current_stream());
            // hyper collects the heads of HTTP/1 responses, and goes on reading requests. An HTTP/2 stream without a body
            // counts as open until its head is sent.
            if is_http1 {
                exchange.wait_until_writable().await;
            }
            let mut response = response.await.unwrap_or_else(|never| match never {});
            // Tells clients when the connection will be closed, so that they do not send a request on a connection that is
            // being closed. HTTP/2 uses GOAWAY for this.
            if is_http1 && (shutdown.is_draining() || exchange.is_closing()) {
                announce_close(&mut response);
            } else if !is_http1 && shutdown.is_draining() && closes_http2_while_draining {
                exchange.close_connection();
            } else if let Some(keep_alive) = keep_alive.filter(|_| is_http1) {
                announce_timeout(&mut response, &keep_alive);
            }
            // axum declares the length of every body, but in a 304 it would be that of the representation (RFC 9110, section
            // 8.6). hyper removes it for HTTP/1 only.
            if response.status() == StatusCode::NOT_MODIFIED {
                response.headers_mut().remove(CONTENT_LENGTH);
            }
            Ok(exchange.track(response))
        }
    }
}

impl ConnectionServer {
    fn request_body(&self, body: Incoming) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(RequestBody::new(body, self.closing.clone(), self.limits.stopping_head_timeout))
    }
}

impl EndedConnections {
    fn count(&self, reason: AbortReason) {
        match reason {
            AbortReason::HeadTimeout => self.head_timeout.increment(1),
            AbortReason::UnreadResponse => self.unread_response.increment(1),
            // It was idle before, or had only streams without end.
            AbortReason::CloseTimeout | AbortReason::Stalled => {}
        }
    }
}

fn builder(limits: &ConnectionLimits) -> Builder<StreamExecutor> {
    let mut builder = Builder::new(StreamExecutor);
    // `Activity` has the time limits. hyper's limit for a head would also end idle connections.
    builder.http1().header_read_timeout(None).max_buf_size(MAX_HTTP1_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_concurrent_streams(limits.max_streams)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_pending_accept_reset_streams(limits.max_pending_resets);
    builder
}

tokio::task_local! {
    /// Ends the task of the current HTTP/2 stream.
    static STREAM: CancellationToken;
}

/// The token that resets the current HTTP/2 stream. `None` with HTTP/1.
fn current_stream() -> Option<CancellationToken> {
    STREAM.try_with(CancellationToken::clone).ok()
}

/// Runs each HTTP/2 stream as a task that can be stopped. When its task ends, h2 resets the stream and discards what
/// it has buffered. hyper itself cannot reset a stream that waits for its client.
#[derive(Debug, Clone)]
struct StreamExecutor;

impl<F> Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        let reset = CancellationToken::new();
        tokio::spawn(STREAM.scope(reset.clone(), async move {
            reset.run_until_cancelled(stream).await;
        }));
    }
}

/// A connection that reports what it receives, and whether it can send.
struct MonitoredStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    /// Whether to discard unsent bytes when the connection ends. Otherwise the operating system keeps them, and
    /// retries for minutes to send them.
    must_reset: Arc<AtomicBool>,
}

impl Drop for MonitoredStream {
    fn drop(&mut self) {
        if self.must_reset.load(Ordering::Relaxed)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "Setting SO_LINGER failed");
        }
    }
}

impl AsyncRead for MonitoredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let received = &buffer.filled()[before..];
        if !received.is_empty() {
            self.activity.receive(received);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MonitoredStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.set_write_blocked(result.is_pending());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.activity.set_write_blocked(result.is_pending());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
