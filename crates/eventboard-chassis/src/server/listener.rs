//! Accepts the connections to a port until the shutdown, and then drains them.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;

use super::{
    address_limit::AddressLimit,
    connection::ConnectionServer,
    connection_limits::{ConnectionLimits, MAX_UNREAD_BYTES},
};
use crate::{fairness::SharedMemory, shutdown::Shutdown};

/// The length of the accept queue. The operating system may allow less (`net.core.somaxconn`, 4096). When the queue
/// is full, a client retries after a second. A health check regards this delay as a failure.
const BACKLOG: u32 = 4096;

/// How many bytes the operating system holds for a connection before it sends them. By default it holds up to 4 MiB,
/// which no limit of this process counts. The socket is writable again when half of these bytes are sent, so a client
/// that takes 16 KiB in ten seconds does not look as if it took nothing.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 32 * 1024;

/// A connection ends when its client acknowledges nothing for this time. Until then, the operating system holds what it
/// has sent, even after the process has closed the connection.
#[cfg(target_os = "linux")]
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(20);

/// The pause after a failed accept (for example with too many open files), because an immediate retry would fail too.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How long a client that connected just before the shutdown has to send its first request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_millis(100);

/// The bytes of unread responses that this process holds, on all ports together.
static UNREAD_BYTES: LazyLock<SharedMemory> = LazyLock::new(|| SharedMemory::new(MAX_UNREAD_BYTES));

/// Listens on an address.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Lets a restarted process bind the port while old connections are still closing (TIME_WAIT).
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(&socket);
        socket.set_tcp_notsent_lowat(MAX_UNSENT)?;
        socket.set_tcp_user_timeout(Some(ACKNOWLEDGEMENT_TIMEOUT))?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves a router, with HTTP/1.1 and HTTP/2 on one port, until the shutdown, and then until the requests in flight are
/// finished or [`SHUTDOWN_TIMEOUT`](crate::shutdown::SHUTDOWN_TIMEOUT) has passed. Handlers get the peer's address as `ConnectInfo<SocketAddr>`. Clients
/// may keep a connection open without a request for the time `keep_alive`.
pub async fn serve_http(
    listener: TcpListener,
    router: Router,
    addresses: AddressLimit,
    keep_alive: Duration,
    shutdown: Shutdown,
) {
    serve(listener, router, ConnectionLimits::public(keep_alive), addresses, shutdown).await;
}

/// Like [`serve_http`], with limits for the connections.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    addresses: AddressLimit,
    shutdown: Shutdown,
) {
    let server = ConnectionServer::new(router, limits, addresses, UNREAD_BYTES.clone(), shutdown.clone());
    accept_until_shutdown(listener, Arc::new(server), shutdown).await;
}

pub(super) async fn accept_until_shutdown(
    listener: TcpListener,
    server: Arc<ConnectionServer>,
    shutdown: Shutdown,
) {
    let connections = TaskTracker::new();
    let start = |stream, peer, permit: Option<OwnedSemaphorePermit>| {
        let Some(share) = server.admit(peer) else { return };
        let connection = Arc::clone(&server).serve(stream, peer, share);
        connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    };
    loop {
        tokio::select! {
            (stream, peer, permit) = accept(&listener, server.places()) => start(stream, peer, permit),
            () = shutdown.stopping() => break,
        }
    }
    for (stream, peer) in close_listener(listener) {
        start(stream, peer, None);
    }
    // From now on no client can connect, and every response closes its connection. Connections that have sent no
    // request so far get some more time, because their first request may be on its way.
    tokio::time::sleep(FIRST_REQUEST_TIMEOUT).await;
    let timeout = server.close_connections();
    connections.close();
    if tokio::time::timeout(timeout, connections.wait()).await.is_err() {
        tracing::warn!("Some requests did not finish in time and were aborted");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    loop {
        let permit = Arc::clone(places).acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "Accepting a connection failed");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Closes a listener. Returns the connections in its backlog, which would otherwise be reset.
fn close_listener(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let backlog = std::iter::from_fn(|| listener.accept().ok()).take(BACKLOG as usize);
    let into_tokio = |(stream, peer): (std::net::TcpStream, SocketAddr)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    backlog.filter_map(into_tokio).collect()
}
