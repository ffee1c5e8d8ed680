//! HTTP/2, one connection per request.

use std::net::SocketAddr;

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, Request},
};
use tokio::net::TcpStream;

use super::url;

/// Sends a request and returns the status of the response. `None` if the server ends the connection without a response.
pub(crate) async fn status(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Option<u16> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(url(address, path)).body(()).unwrap();
    *request.headers_mut() = headers.clone();
    let (response, mut stream) = sender.ready().await.ok()?.send_request(request, body.is_empty()).ok()?;
    if !body.is_empty() {
        // If this fails, `response` yields the response or the error.
        stream.send_data(body, true).ok();
    }
    response.await.ok().map(|response| response.status().as_u16())
}
