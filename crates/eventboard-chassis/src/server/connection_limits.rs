//! What one connection may do, and for how long.

use std::time::Duration;

use super::MAX_DEADLINE;

/// How many bytes of unread responses the whole process holds. The clients share them fairly.
pub(super) const MAX_UNREAD_BYTES: usize = 64 * 1024 * 1024;

/// The limits of each connection to a port.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// The time for the first request head or HTTP/2 SETTINGS after the connection is accepted, and for every later
    /// request head and HTTP/2 frame (except DATA) after its first byte.
    pub(super) head_timeout: Duration,
    /// A connection without a request for this time is closed gracefully.
    pub(super) idle_timeout: Duration,
    /// A response of which the client takes nothing for this time is reset.
    pub(super) unread_timeout: Duration,
    /// A request for which nothing happens for this time is reset: the longest deadline has passed long before. This
    /// concerns streams without end, such as `Watch` of the gRPC health service.
    pub(super) stall_timeout: Duration,
    /// A connection is closed gracefully after about this time. It varies by 10 %, so that clients do not reconnect
    /// all at the same time.
    pub(super) max_age: Option<Duration>,
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
    /// For ports with unknown clients.
    pub(super) const PUBLIC: Self = Self {
        head_timeout: Duration::from_secs(10),
        // nginx's default for clients. Longer than the 60 s after which nginx and ingress-nginx close their own idle
        // connections to an upstream, so that they never send a request on a connection that is just being closed.
        idle_timeout: Duration::from_secs(75),
        unread_timeout: MAX_DEADLINE,
        max_age: None,
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
    };

    /// For the gRPC ports. Their clients are gateways, each with one connection for the calls of all its clients.
    pub(super) const INTERNAL: Self = Self {
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
