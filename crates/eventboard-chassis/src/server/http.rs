//! Plain HTTP/1.1 and HTTP/2 on a port of its own, with bounded connections and bounded patience.

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

use super::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, finish};
use crate::shutdown::Shutdown;

/// Connections at once; more wait in the listener's queue. An idle one costs some 40 kB.
const MAX_CONNECTIONS: usize = 10_000;

/// A client that has not sent the head of its request in this time is sent away.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// After a failure to accept (too many open files, say), trying again at once would fail again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A client that connected at the last moment sends its request within this time.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_millis(100);

/// Serves a router until the shutdown and for as long as in-flight requests may take after it. Handlers find the
/// peer's address as `ConnectInfo<SocketAddr>`.
pub async fn serve_http(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let connections = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let builder = builder();
    loop {
        tokio::select! {
            (stream, peer, place) = accept(&listener, &room) => {
                let router = router.clone();
                let connection = serve_connection(&builder, stream, peer, router, &connections, shutdown.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            () = shutdown.stopping() => break,
        }
    }
    for (stream, peer) in close(listener) {
        let router = router.clone();
        tokio::spawn(serve_connection(&builder, stream, peer, router, &connections, shutdown.clone()));
    }
    // From here on nobody can connect, and every answer ends its connection. One without any request yet would be
    // closed in front of a request that is on its way.
    tokio::time::sleep(FIRST_REQUEST_WITHIN).await;
    finish(shutdown, connections.shutdown()).await;
}

/// Closes a listener without resetting the connections that the system has accepted for it already.
fn close(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let waiting = std::iter::from_fn(|| listener.accept().ok()).take(MAX_CONNECTIONS);
    let adopt = |(stream, peer): (std::net::TcpStream, SocketAddr)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    waiting.filter_map(adopt).collect()
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
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    loop {
        let place = Arc::clone(room).acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
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
    // Answers are small and complete: waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let service = hyper_util::service::TowerToHyperService::new(tower::service_fn(
        move |mut request: http::Request<_>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let is_http1 = request.version() < Version::HTTP_2;
            let (answer, shutdown) = (router.clone().call(request), shutdown.clone());
            async move {
                let mut answer = answer.await.unwrap_or_else(|never| match never {});
                // Clients leave while they are still served, instead of sending a request into a connection that is
                // just being closed. HTTP/2 has its GOAWAY.
                if is_http1 && shutdown.is_draining() {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
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

    async fn started(router: Router) -> (SocketAddr, Shutdown, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, shutdown) = (listener.local_addr().expect("bound"), Shutdown::new());
        (address, shutdown.clone(), tokio::spawn(serve_http(listener, router, shutdown)))
    }

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers and closes");
        answer
    }

    #[tokio::test]
    async fn a_handler_knows_its_peer() {
        let peer = get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string());
        let (address, ..) = started(Router::new().route("/", peer)).await;
        let answer = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn half_a_request_does_not_hold_a_connection_for_ever() {
        let (address, ..) = started(Router::new()).await;
        assert!(!exchange(address, "GET / HTTP/1.1\r\nHost").await.contains("200"));
    }

    #[tokio::test]
    async fn a_draining_server_answers_and_asks_its_clients_to_leave() {
        let (address, shutdown, _) = started(Router::new().route("/", get(async || "served"))).await;
        let drain = tokio::spawn(async move { shutdown.begin(Duration::from_secs(60)).await });
        tokio::task::yield_now().await;
        // It is the server that ends the connection.
        let answer = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.contains("connection: close") && answer.ends_with("served"), "{answer}");
        drain.abort();
    }

    #[tokio::test]
    async fn a_client_that_connects_at_the_last_moment_is_still_served() {
        let (address, shutdown, _) = started(Router::new().route("/", get(async || "served"))).await;
        // The system connects it; the server, on this very thread, has not been told.
        let late = std::net::TcpStream::connect(address).expect("it listens");
        shutdown.begin(Duration::ZERO).await;
        late.set_nonblocking(true).expect("a socket");
        let mut late = TcpStream::from_std(late).expect("a runtime");
        late.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it reads");
        let mut answer = String::new();
        late.read_to_string(&mut answer).await.expect("it answers and closes");
        assert!(answer.contains("connection: close") && answer.ends_with("served"), "{answer}");
    }

    #[tokio::test]
    async fn what_is_in_flight_finishes_and_nothing_new_is_accepted() {
        let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
        let slow = get(async move || {
            arrived.send(()).await.expect("the test waits");
            tokio::time::sleep(Duration::from_millis(100)).await;
            "finished"
        });
        let (address, shutdown, server) = started(Router::new().route("/", slow)).await;
        let request = tokio::spawn(exchange(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        arrival.recv().await.expect("the request arrives");
        shutdown.begin(Duration::ZERO).await;
        assert!(request.await.expect("no panic").ends_with("finished"));
        server.await.expect("no panic");
        assert!(TcpStream::connect(address).await.is_err());
    }
}
