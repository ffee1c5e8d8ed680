//! HTTP/1.1 by hand, for what a client library would never send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection on which these bytes were sent.
pub(crate) async fn begin(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Sends these bytes, which end the connection, and takes everything that comes back.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    // What came before a reset counts as well.
    let _ = begin(address, bytes).await.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}
