//! The client: connections that each send a request, wait for its answer and send the next one. It knows just as much
//! HTTP as our answers need, to leave the cores to the servers.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep_until,
};

use crate::usage::{Figures, Watched};

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 32;

/// How long a phase lasts.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// Writes the next request of a connection, given the body of the answer before.
pub(crate) type Requests = Box<dyn FnMut(&[u8], &mut Vec<u8>) + Send>;

/// What a phase has shown.
pub(crate) struct Sample {
    /// Requests that were answered while it was measured.
    pub(crate) answered: u64,
    pub(crate) seconds: f64,
    /// In microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// CPU seconds.
    pub(crate) cpu: Figures,
    pub(crate) memory: Figures,
    /// Answers that must not be, one line each.
    pub(crate) faults: Vec<String>,
}

/// Latencies from a microsecond to a minute.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap()
}

/// Sends requests over all connections; each answer must have the expected status.
pub(crate) async fn drive(
    address: SocketAddr,
    expected: u16,
    requests: impl Fn(usize) -> Requests,
    timing: Timing,
    watched: &Watched,
) -> Sample {
    let begin = Instant::now() + timing.warm_up;
    let end = begin + timing.measured;
    let mut workers = JoinSet::new();
    for connection in 0..CONNECTIONS {
        workers.spawn(
            Worker { expected, begin, end, answers: Answers::default() }.work(address, requests(connection)),
        );
    }
    sleep_until(begin.into()).await;
    let before = watched.cpu();
    sleep_until(end.into()).await;
    let after = watched.cpu();
    let mut sample = Sample {
        answered: 0,
        seconds: timing.measured.as_secs_f64(),
        latencies: histogram(),
        cpu: after.iter().map(|(name, seconds)| (*name, seconds - before[name])).collect(),
        memory: watched.memory(),
        faults: Vec::new(),
    };
    for answers in workers.join_all().await {
        sample.answered += answers.in_time;
        sample.latencies.add(&answers.latencies).unwrap();
        sample.faults.extend(answers.faults);
    }
    sample
}

/// What one connection has seen.
struct Answers {
    in_time: u64,
    latencies: Histogram<u64>,
    faults: Vec<String>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { in_time: 0, latencies: histogram(), faults: Vec::new() }
    }
}

struct Worker {
    expected: u16,
    begin: Instant,
    end: Instant,
    answers: Answers,
}

impl Worker {
    async fn work(mut self, address: SocketAddr, requests: Requests) -> Answers {
        if let Err(error) = self.exchange_all(address, requests).await {
            self.answers.faults.push(format!("no answer: {error}"));
        }
        self.answers
    }

    async fn exchange_all(&mut self, address: SocketAddr, mut requests: Requests) -> io::Result<()> {
        let mut connection = Connection::open(address).await?;
        let mut request = Vec::new();
        loop {
            request.clear();
            requests(connection.body(), &mut request);
            let sent = Instant::now();
            if sent >= self.end {
                return Ok(());
            }
            let status = connection.exchange(&request).await?;
            self.note(sent, Instant::now());
            if status != self.expected {
                let body = String::from_utf8_lossy(connection.body());
                self.answers.faults.push(format!("{status} {body}"));
            }
        }
    }

    fn note(&mut self, sent: Instant, answered: Instant) {
        if answered >= self.begin {
            let latency = answered - sent;
            self.answers.latencies.saturating_record(latency.as_micros().try_into().unwrap());
            self.answers.in_time += u64::from(answered < self.end);
        }
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The last answer, all of it.
    answer: Vec<u8>,
    /// Where its body begins.
    body: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(64 * 1024), body: 0 })
    }

    /// Sends a request and reads its answer; the status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        self.body = 0;
        let (status, length) = loop {
            self.read().await?;
            if let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") {
                self.body = end + 4;
                break head(&self.answer[..end])?;
            }
        };
        while self.answer.len() < self.body + length {
            self.read().await?;
        }
        Ok(status)
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.answer[self.body..]
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Status and length of the body.
fn head(head: &[u8]) -> io::Result<(u16, usize)> {
    let parse = || {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        })?;
        Some((status, length))
    };
    parse().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an answer with a length"))
}
