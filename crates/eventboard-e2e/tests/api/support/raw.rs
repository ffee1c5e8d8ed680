//! Raw HTTP/1.1, for requests that a client library would never send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Opens a connection and sends these bytes.
pub(crate) async fn open_and_send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Sends these bytes and reads until the connection is closed. The bytes must make the server close the connection.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut response = Vec::new();
    // A connection reset is ignored, because the bytes received before it are still returned.
    let _ = open_and_send(address, bytes).await.read_to_end(&mut response).await;
    String::from_utf8(response).unwrap()
}
