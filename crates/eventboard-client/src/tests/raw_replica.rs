//! A replica that speaks HTTP/2 frame by frame, so that a test decides what happens to each call.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex, mpsc},
};

/// Frame types (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Flags of frames.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Error codes (RFC 9113, section 7).
pub(super) const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

const PREFACE_BYTES: usize = 24;

/// A `HealthCheckResponse` with `SERVING`, as a gRPC message.
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];

/// A replica whose calls get no response until the test sends one. Probes get `SERVING`, unless they are held.
pub(super) struct RawReplica {
    pub(super) address: SocketAddr,
    calls: mpsc::UnboundedReceiver<RawCall>,
    probes: mpsc::UnboundedReceiver<RawCall>,
    holds_probes: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

/// A call that the replica received.
pub(super) struct RawCall {
    pub(super) stream: u32,
    writer: Writer,
}

type Writer = Arc<Mutex<OwnedWriteHalf>>;

/// Where the connections deliver what they receive.
#[derive(Clone)]
struct Receivers {
    calls: mpsc::UnboundedSender<RawCall>,
    probes: mpsc::UnboundedSender<RawCall>,
    holds_probes: Arc<AtomicBool>,
}

impl RawReplica {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let holds_probes = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&connections);
        let (calls, received_calls) = mpsc::unbounded_channel();
        let (probes, received_probes) = mpsc::unbounded_channel();
        let receivers = Receivers { calls, probes, holds_probes: Arc::clone(&holds_probes) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, receivers.clone()));
            }
        });
        Self { address, calls: received_calls, probes: received_probes, holds_probes, connections }
    }

    /// Waits for the next call.
    pub(super) async fn next_call(&mut self) -> RawCall {
        self.calls.recv().await.unwrap()
    }

    /// Waits for the next probe. It gets no response.
    pub(super) async fn next_held_probe(&mut self) -> RawCall {
        self.holds_probes.store(true, Ordering::Relaxed);
        let probe = self.probes.recv().await.unwrap();
        self.holds_probes.store(false, Ordering::Relaxed);
        probe
    }

    /// The number of connections that the replica has accepted.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether a call has arrived that the test has not taken.
    pub(super) fn has_another_call(&self) -> bool {
        !self.calls.is_empty()
    }
}

impl RawCall {
    /// Responds with `OK` and without a message.
    pub(super) async fn respond(&self) {
        let fields = [field(":status", "200"), field("grpc-status", "0")].concat();
        self.write(HEADERS, END_HEADERS | END_STREAM, &fields).await;
    }

    /// Responds with an HTTP status and without a gRPC status.
    pub(super) async fn respond_http(&self, status: &str) {
        self.write(HEADERS, END_HEADERS | END_STREAM, &field(":status", status)).await;
    }

    /// Resets the stream with `REFUSED_STREAM`.
    pub(super) async fn refuse(&self) {
        self.write(RST_STREAM, 0, &REFUSED_STREAM.to_be_bytes()).await;
    }

    /// Sends a GOAWAY on the connection of this call, which announces this call as the last one that is processed.
    pub(super) async fn go_away_after_it(&self, error_code: u32) {
        let payload = [self.stream.to_be_bytes(), error_code.to_be_bytes()].concat();
        write_frame(&self.writer, GOAWAY, 0, 0, &payload).await.unwrap();
    }

    /// Closes the connection of this call.
    pub(super) async fn close_connection(&self) {
        self.writer.lock().await.shutdown().await.unwrap();
    }

    async fn respond_serving(&self) {
        self.write(HEADERS, END_HEADERS, &field(":status", "200")).await;
        self.write(DATA, 0, &SERVING).await;
        self.write(HEADERS, END_HEADERS | END_STREAM, &field("grpc-status", "0")).await;
    }

    /// Writes a frame. Errors are ignored, because the client may have closed the connection.
    async fn write(&self, kind: u8, flags: u8, payload: &[u8]) {
        write_frame(&self.writer, kind, flags, self.stream, payload).await.ok();
    }
}

async fn serve(stream: TcpStream, receivers: Receivers) -> io::Result<()> {
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    reader.read_exact(&mut [0; PREFACE_BYTES]).await?;
    write_frame(&writer, SETTINGS, 0, 0, &[]).await?;
    loop {
        let (kind, flags, stream) = read_frame(&mut reader).await?;
        let call = RawCall { stream, writer: Arc::clone(&writer) };
        match kind {
            SETTINGS if flags & ACK == 0 => write_frame(&writer, SETTINGS, ACK, 0, &[]).await?,
            // The calls of the tests have no body, but probes have one.
            HEADERS if flags & END_STREAM != 0 => receivers.calls.send(call).map_err(io::Error::other)?,
            DATA if flags & END_STREAM != 0 && receivers.holds_probes.load(Ordering::Relaxed) => {
                receivers.probes.send(call).map_err(io::Error::other)?;
            }
            DATA if flags & END_STREAM != 0 => call.respond_serving().await,
            _ => {}
        }
    }
}

/// Reads a frame. Returns its type, its flags and its stream.
async fn read_frame(reader: &mut OwnedReadHalf) -> io::Result<(u8, u8, u32)> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await?;
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = head;
    let length = u32::from_be_bytes([0, l0, l1, l2]);
    reader.read_exact(&mut vec![0; length as usize]).await?;
    Ok((kind, flags, u32::from_be_bytes([s0, s1, s2, s3])))
}

async fn write_frame(writer: &Writer, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let frame = [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
    writer.lock().await.write_all(&frame).await
}

/// A header field as a literal (RFC 7541, section 6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}
