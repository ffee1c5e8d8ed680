//! What one connection may do, and for how long.

use std::time::Duration;

use super::MAX_DEADLINE;
use crate::shutdown::SHUTDOWN_TIMEOUT;

/// How many bytes of unread responses the whole process holds. The clients share them fairly.
pub(super) const MAX_UNREAD_BYTES: usize = 64 * 1024 * 1024;

/// How long a client may keep a connection open without a request, by default. Balancers with usual settings close
/// their own idle connections first (nginx and AWS after 60 s), so that they never send a request on a connection that
/// is just being closed.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How much longer than it tells its clients the server keeps an idle connection open. A request that a client sends at
/// the last moment takes some time to arrive.
pub(super) const KEEP_ALIVE_MARGIN: Duration = Duration::from_secs(1);

/// The limits of each connection to a port.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// The time for the first request head or HTTP/2 SETTINGS after the connection is accepted, and for every later
    /// request head and HTTP/2 frame (except DATA) after its first byte.
    pub(super) head_timeout: Duration,
    /// A connection without a request for this time is closed gracefully. Clients are told [`KEEP_ALIVE_MARGIN`] less.
    pub(super) idle_timeout: Duration,
    /// The same while the port is crowded, if it is shorter.
    pub(super) crowded_idle_timeout: Duration,
    /// A response of which the client takes nothing for this time is reset.
    pub(super) unread_timeout: Duration,
    /// A request for which nothing happens for this time is reset: the longest deadline has passed long before. This
    /// concerns streams of reflection whose client sends nothing.
    pub(super) stall_timeout: Duration,
    /// While the server stops, the time for the rest of a request head or HTTP/2 frame, for the next bytes of a
    /// request body, and for closing an idle connection: what is not sent by then does not delay the exit.
    pub(super) stopping_head_timeout: Duration,
    /// While the server stops, a response of which the client takes nothing for this time is reset. Longer than the
    /// time for heads, because a piece of a response takes a slow client more than a second.
    pub(super) stopping_unread_timeout: Duration,
    /// How long the connections may take to end after the server stops accepting connections.
    pub(super) shutdown_timeout: Duration,
    /// Whether a server that drains closes an HTTP/2 connection gracefully after a response, so that its client connects
    /// to another replica.
    pub(super) closes_http2_while_draining: bool,
    /// A connection is closed gracefully after about this time. It varies by 10 %, so that clients do not reconnect
    /// all at the same time.
    pub(super) max_age: Option<Duration>,
    /// The maximum number of open connections to the port. Further connections wait in the listener's backlog.
    pub(super) max_connections: usize,
    /// The maximum number of concurrent HTTP/2 streams.
    pub(super) max_streams: u32,
    /// The maximum number of HTTP/2 streams that the client reset before the server accepted them.
    pub(super) max_pending_resets: Option<usize>,
    /// The HTTP/2 receive windows, in bytes. So much may arrive before anybody reads it: of one body, and of all bodies
    /// of the connection.
    pub(super) stream_window: u32,
    pub(super) connection_window: u32,
    /// How many bytes of unread responses the connection may hold. Its further requests wait. `None` if it has the
    /// requests of many clients.
    pub(super) unread_bytes: Option<usize>,
}

impl ConnectionLimits {
    /// For a port with unknown clients, who may keep a connection open without a request for this time.
    pub(super) fn public(keep_alive: Duration) -> Self {
        Self { idle_timeout: keep_alive + KEEP_ALIVE_MARGIN, ..Self::PUBLIC }
    }

    /// For ports with unknown clients.
    pub(super) const PUBLIC: Self = Self {
        head_timeout: Duration::from_secs(10),
        idle_timeout: DEFAULT_KEEP_ALIVE.saturating_add(KEEP_ALIVE_MARGIN),
        crowded_idle_timeout: Duration::from_secs(10),
        unread_timeout: MAX_DEADLINE,
        max_age: None,
        // An idle connection takes some 40 kB.
        max_connections: 10_000,
        // RFC 9113, section 6.5.2, recommends at least 100.
        max_streams: 100,
        max_pending_resets: None,
        // The longest body has 64 KiB.
        stream_window: 64 * 1024,
        connection_window: 256 * 1024,
        // Each read reserves a sixteenth, so 16 of a connection run at the same time. A page of 100 events with the
        // longest texts takes some MiB, so responses can exceed the limit, but not the client's share of the process.
        unread_bytes: Some(1024 * 1024),
        stall_timeout: Duration::from_secs(60),
        stopping_head_timeout: Duration::from_secs(1),
        stopping_unread_timeout: Duration::from_secs(2),
        shutdown_timeout: SHUTDOWN_TIMEOUT,
        closes_http2_while_draining: true,
    };

    /// For the gRPC ports. Their clients are gateways, each with one connection for the calls of all its clients.
    pub(super) const INTERNAL: Self = Self {
        // A gateway leaves by itself as soon as it knows another replica. Until then, it would only connect again.
        closes_http2_while_draining: false,
        // Clients without service discovery reconnect and also use new replicas.
        max_age: Some(Duration::from_secs(600)),
        // Higher than the default concurrency limit of a gateway, so that the service rejects excess calls and they do not
        // wait unnoticed in the client.
        max_streams: 2048,
        // A replica that was paused for a while receives all cancelled calls together. With the default limit of 20
        // it would close the connection.
        max_pending_resets: Some(2048),
        // The messages of many clients.
        stream_window: 128 * 1024,
        connection_window: 4 * 1024 * 1024,
        unread_bytes: None,
        ..Self::PUBLIC
    };
}
