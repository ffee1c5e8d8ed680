//! HTTP/1.1 as bytes, for requests that a client library would never send.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use eventboard_e2e::Response;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    connection::{Stream, client, connect_tls},
    nginx::Nginx,
};

/// The protocol's name for TLS.
pub(crate) const PROTOCOL: &str = "http/1.1";

/// Sends these bytes over HTTPS and reads the response.
pub(crate) async fn exchange_tls(nginx: &Nginx, bytes: impl AsRef<[u8]>) -> Response {
    exchange(&mut connect_tls(client(1), nginx, PROTOCOL).await, bytes).await
}

/// Sends these bytes and reads the response.
pub(crate) async fn exchange(stream: &mut impl Stream, bytes: impl AsRef<[u8]>) -> Response {
    // The server may respond and close the connection before it has read everything.
    let _ = stream.write_all(bytes.as_ref()).await;
    let _ = stream.flush().await;
    read_response(stream).await
}

/// Reads one response.
pub(crate) async fn read_response(stream: &mut impl Stream) -> Response {
    let mut received = Vec::new();
    let head_length = loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut received).await;
    };
    let head = String::from_utf8(received[..head_length].to_vec()).unwrap();
    let (status_line, fields) = head.split_once("\r\n").unwrap();
    let headers: HeaderMap = fields.lines().filter_map(|line| line.split_once(": ")).map(field).collect();
    // A 304 has none.
    let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    while received.len() < head_length + length {
        read_more(stream, &mut received).await;
    }
    // A compressed body is not text.
    let text = String::from_utf8_lossy(&received[head_length..]).into_owned();
    let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Response { status, headers, body, text }
}

fn field((name, value): (&str, &str)) -> (HeaderName, HeaderValue) {
    (name.parse().unwrap(), value.parse().unwrap())
}

async fn read_more(stream: &mut impl Stream, received: &mut Vec<u8>) {
    let length = stream.read_buf(received).await.expect("a response");
    assert!(length > 0, "no complete response: {}", String::from_utf8_lossy(received));
}
