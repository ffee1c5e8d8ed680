//! Serves HTTP/1.1 and HTTP/2 on one port, with limits for the number of connections and for slow clients.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use http::{HeaderValue, Version, header::CONNECTION};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::Service;

use super::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, run_until_shutdown};
use crate::shutdown::Shutdown;

/// Maximum number of open connections. Further connections wait in the listener's backlog. An idle connection takes
/// some 40 kB.
const MAX_CONNECTIONS: usize = 10_000;

/// A client must send the head of its request within this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a failed accept (for example with too many open files), because an immediate retry would fail too.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How long a client that connected just before the shutdown has to send its first request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_millis(100);

/// Serves a router until the shutdown, and then until the requests in flight are finished or [`SHUTDOWN_TIMEOUT`]
/// has passed. Handlers get the peer's address as `ConnectInfo<SocketAddr>`.
///
/// [`SHUTDOWN_TIMEOUT`]: crate::shutdown::SHUTDOWN_TIMEOUT
pub async fn serve_http(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let connections = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let builder = builder();
    loop {
        tokio::select! {
            (stream, peer, permit) = accept(&listener, &permits) => {
                let router = router.clone();
                let connection = serve_connection(&builder, stream, peer, router, &connections, shutdown.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            () = shutdown.stopping() => break,
        }
    }
    for (stream, peer) in close_listener(listener) {
        let router = router.clone();
        tokio::spawn(serve_connection(&builder, stream, peer, router, &connections, shutdown.clone()));
    }
    // From now on no client can connect, and every response closes its connection. Connections that have sent no
    // request so far get some more time, because their first request may be on its way.
    tokio::time::sleep(FIRST_REQUEST_TIMEOUT).await;
    run_until_shutdown(shutdown, connections.shutdown()).await;
}

/// Closes a listener. Returns the connections in its backlog, which would otherwise be reset.
fn close_listener(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let backlog = std::iter::from_fn(|| listener.accept().ok()).take(MAX_CONNECTIONS);
    let into_tokio = |(stream, peer): (std::net::TcpStream, SocketAddr)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    backlog.filter_map(into_tokio).collect()
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    builder
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    loop {
        let permit = Arc::clone(permits).acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "Accepting a connection failed");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn serve_connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    connections: &GracefulShutdown,
    shutdown: Shutdown,
) -> impl Future<Output = ()> + Send + 'static {
    // Responses are small and each is written in one piece, so waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "Setting TCP_NODELAY failed");
    }
    let service = hyper_util::service::TowerToHyperService::new(tower::service_fn(
        move |mut request: http::Request<_>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let is_http1 = request.version() < Version::HTTP_2;
            let (response, shutdown) = (router.clone().call(request), shutdown.clone());
            async move {
                let mut response = response.await.unwrap_or_else(|never| match never {});
                // Asks HTTP/1.1 clients to close while they are still served, so that they do not send a request on a
                // connection that is being closed. HTTP/2 uses GOAWAY for this.
                if is_http1 && shutdown.is_draining() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        },
    ));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = connections.watch(connection);
    async move {
        if let Err(error) = connection.await {
            tracing::debug!(error, "A connection ended with an error");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn start(router: Router) -> (SocketAddr, Shutdown, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, shutdown) = (listener.local_addr().expect("bound"), Shutdown::new());
        (address, shutdown.clone(), tokio::spawn(serve_http(listener, router, shutdown)))
    }

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).await.expect("the server responds and closes");
        response
    }

    #[tokio::test]
    async fn a_handler_gets_the_address_of_its_peer() {
        let peer = get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string());
        let (address, ..) = start(Router::new().route("/", peer)).await;
        let response = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(response.ends_with("127.0.0.1"), "{response}");
    }

    #[tokio::test]
    async fn an_incomplete_request_times_out() {
        let (address, ..) = start(Router::new()).await;
        assert!(!exchange(address, "GET / HTTP/1.1\r\nHost").await.contains("200"));
    }

    #[tokio::test]
    async fn a_draining_server_responds_and_closes_the_connection() {
        let (address, shutdown, _) = start(Router::new().route("/", get(async || "served"))).await;
        let drain = tokio::spawn(async move { shutdown.begin(Duration::from_secs(60)).await });
        tokio::task::yield_now().await;
        // The request does not contain `Connection: close`.
        let response = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(response.contains("connection: close") && response.ends_with("served"), "{response}");
        drain.abort();
    }

    #[tokio::test]
    async fn a_client_that_connects_just_before_the_shutdown_is_still_served() {
        let (address, shutdown, _) = start(Router::new().route("/", get(async || "served"))).await;
        // The operating system accepts the connection. The server runs on this thread and has not noticed it yet.
        let late = std::net::TcpStream::connect(address).expect("the server listens");
        shutdown.begin(Duration::ZERO).await;
        late.set_nonblocking(true).expect("a socket");
        let mut late = TcpStream::from_std(late).expect("a runtime");
        late.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("the server reads");
        let mut response = String::new();
        late.read_to_string(&mut response).await.expect("the server responds and closes");
        assert!(response.contains("connection: close") && response.ends_with("served"), "{response}");
    }

    #[tokio::test]
    async fn requests_in_flight_finish_and_new_connections_are_refused() {
        let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
        let slow = get(async move || {
            arrived.send(()).await.expect("the test waits");
            tokio::time::sleep(Duration::from_millis(100)).await;
            "finished"
        });
        let (address, shutdown, server) = start(Router::new().route("/", slow)).await;
        let request = tokio::spawn(exchange(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        arrival.recv().await.expect("the request arrives");
        shutdown.begin(Duration::ZERO).await;
        assert!(request.await.expect("no panic").ends_with("finished"));
        server.await.expect("no panic");
        assert!(TcpStream::connect(address).await.is_err());
    }
}
