//! Raw HTTP/1.1, for requests that a client library would never send, and for load that costs little CPU time.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// A response without its body.
pub(crate) struct Reply {
    pub(crate) head: String,
    /// The length of the head and the body, in bytes.
    pub(crate) length: usize,
}

impl Reply {
    /// The status code.
    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The value of a header that is a number.
    pub(crate) fn numeric_header(&self, name: &str) -> Option<u64> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| *field == name)?.1.parse().ok()
    }
}

/// Connects from this address. On Linux, a client can use every address in 127.0.0.0/8.
pub(crate) async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    connect_socket(TcpSocket::new_v4()?, from, to).await
}

/// Like [`connect`], with a socket that the caller has configured. When the connection is dropped, it is reset, so
/// that its port is free again at once.
pub(crate) async fn connect_socket(
    socket: TcpSocket,
    from: Ipv4Addr,
    to: SocketAddr,
) -> io::Result<TcpStream> {
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    stream.set_zero_linger()?;
    Ok(stream)
}

/// Sends a request and reads the complete response.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &str) -> io::Result<Reply> {
    stream.write_all(request.as_bytes()).await?;
    receive(stream).await
}

/// Reads a complete response.
pub(crate) async fn receive(stream: &mut TcpStream) -> io::Result<Reply> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut reply = Reply { head, length: end + 4 };
        // A 304 has neither a body nor its length. No other response that the tests request is without a length.
        reply.length += usize::try_from(reply.numeric_header("content-length").unwrap_or(0)).unwrap();
        if bytes.len() >= reply.length {
            return Ok(reply);
        }
    }
}
