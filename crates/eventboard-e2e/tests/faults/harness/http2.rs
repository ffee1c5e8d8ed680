//! HTTP/2 at the level of streams, for clients that use it against the server.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{body::Bytes, http::Request};
use h2::client::{Builder, SendRequest};

use super::http1;

/// Opens a connection from this address. The server may send `window` bytes of each response until the client asks
/// for more. The connection ends when all its streams and this handle are dropped.
pub(crate) async fn connect(from: Ipv4Addr, to: SocketAddr, window: u32) -> Option<SendRequest<Bytes>> {
    let stream = http1::connect(from, to).await.ok()?;
    let (sender, connection) = Builder::new().initial_window_size(window).handshake(stream).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

/// A request without a body.
pub(crate) fn get(gateway: SocketAddr, path: &str, token: &str) -> Request<()> {
    let builder = Request::get(format!("http://{gateway}{path}"));
    builder.header("authorization", format!("Bearer {token}")).body(()).unwrap()
}
