//! Real clients, which behave badly, against a real server.

mod calls;
mod graceful;
mod limits;
mod responses;
mod unread;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};

use super::{
    address_limit::AddressLimit,
    connection::ConnectionServer,
    connection_limits::{ConnectionLimits, MAX_UNREAD_BYTES},
    listener::{accept_until_shutdown, listen},
};
use crate::{fairness::SharedMemory, shutdown::Shutdown};

/// No test waits this long, unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST_REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    task: JoinHandle<()>,
    /// The bytes of unread responses.
    unread: SharedMemory,
}

impl Server {
    fn start(router: Router, limits: ConnectionLimits) -> Self {
        Self::start_with(router, limits, AddressLimit::new(256), MAX_UNREAD_BYTES)
    }

    fn start_with(
        router: Router,
        limits: ConnectionLimits,
        addresses: AddressLimit,
        max_unread_bytes: usize,
    ) -> Self {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let (address, shutdown) = (listener.local_addr().expect("bound"), Shutdown::new());
        let unread = SharedMemory::new(max_unread_bytes);
        let server = ConnectionServer::new(router, limits, addresses, unread.clone(), shutdown.clone());
        let task = tokio::spawn(accept_until_shutdown(listener, Arc::new(server), shutdown.clone()));
        Self { address, shutdown, task, unread }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    async fn connect_from(&self, address: IpAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((address, 0).into()).expect("a loopback address");
        socket.connect(self.address).await.expect("the server listens")
    }

    /// Opens an HTTP/2 connection with a flow-control window for each stream.
    async fn connect_http2(&self, window: u32) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(16 * 1024 * 1024);
        let (sender, connection) = builder.handshake(self.connect().await).await.expect("HTTP/2");
        (sender, tokio::spawn(connection))
    }

    /// The response to one HTTP/1 request.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        send(&mut stream, request).await;
        read_until_closed(&mut stream).await
    }
}

fn served() -> Router {
    Router::new().route("/", get(async || "served"))
}

async fn send(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    stream.write_all(text.as_ref()).await.expect("the server reads");
}

/// Reads until the server closes the connection.
async fn read_until_closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends the connection too.
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    reading.expect("the server does not close the connection").ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the response contains `text`.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut response = String::new();
    while !response.contains(text) {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("the server responds");
        response.push(char::from(byte.expect("the server has not closed the connection")));
    }
    response
}

/// Sends a GET request over HTTP/2. Returns its status and its body.
async fn get_http2(
    sender: &SendRequest<Bytes>,
    path: &str,
) -> Result<(StatusCode, h2::RecvStream), h2::Error> {
    let mut sender = sender.clone().ready().await?;
    let request = Request::get(format!("http://x{path}")).body(()).expect("a request");
    let (response, _) = sender.send_request(request, true)?;
    let response = tokio::time::timeout(PATIENCE, response).await.expect("the server responds")?;
    Ok((response.status(), response.into_body()))
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
