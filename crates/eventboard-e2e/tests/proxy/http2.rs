//! HTTP/2 over TLS.

use std::net::IpAddr;

use axum::{
    body::Bytes,
    http::{Method, Request},
};
use eventboard_e2e::Response;
use h2::client::{Builder, ResponseFuture, SendRequest};
use serde_json::Value;

use crate::{connection::connect_tls, nginx::Nginx};

/// A connection on which requests can be sent.
pub(crate) type Sender = SendRequest<Bytes>;

/// Connects with the settings of `builder`.
pub(crate) async fn connect(from: IpAddr, nginx: &Nginx, builder: &Builder) -> Sender {
    let stream = connect_tls(from, nginx, "h2").await;
    let (sender, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A request that can be extended.
pub(crate) fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(format!("https://localhost{path}"))
}

/// Sends a request without a body.
pub(crate) async fn start(sender: &Sender, request: axum::http::request::Builder) -> ResponseFuture {
    let mut sender = sender.clone().ready().await.unwrap();
    sender.send_request(request.body(()).unwrap(), true).unwrap().0
}

/// Reads a response to its end.
pub(crate) async fn read_response(response: ResponseFuture) -> Response {
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(bytes).unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Response { status: head.status.as_u16(), headers: head.headers, body, text }
}
