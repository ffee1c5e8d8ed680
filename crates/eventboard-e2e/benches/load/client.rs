//! The load generator: connections that each send a request, wait for the response and send the next request. The
//! generator implements only the part of HTTP that our responses need, to leave CPU time for the servers.

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

use crate::usage::{Figures, MonitoredProcesses};

/// The number of concurrent connections.
pub(crate) const CONNECTIONS: usize = 32;

/// The durations of a phase.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// Writes the next request of a connection, given the body of the previous response.
pub(crate) type Requests = Box<dyn FnMut(&[u8], &mut Vec<u8>) + Send>;

/// The measurements of a phase.
pub(crate) struct Sample {
    /// The number of requests that were completed during the measurement.
    pub(crate) completed: u64,
    pub(crate) seconds: f64,
    /// Latencies in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// CPU seconds, by process.
    pub(crate) cpu: Figures,
    pub(crate) memory: Figures,
    /// Unexpected responses and errors, one line each.
    pub(crate) errors: Vec<String>,
}

/// A histogram of latencies from a microsecond to a minute.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap()
}

/// Sends requests over all connections. Each response must have the expected status.
pub(crate) async fn drive(
    address: SocketAddr,
    expected: u16,
    requests: impl Fn(usize) -> Requests,
    timing: Timing,
    monitored: &MonitoredProcesses,
) -> Sample {
    let begin = Instant::now() + timing.warm_up;
    let end = begin + timing.measured;
    let mut workers = JoinSet::new();
    for connection in 0..CONNECTIONS {
        workers.spawn(
            Worker { expected, begin, end, stats: WorkerStats::default() }.run(address, requests(connection)),
        );
    }
    sleep_until(begin.into()).await;
    let before = monitored.cpu();
    sleep_until(end.into()).await;
    let after = monitored.cpu();
    let mut sample = Sample {
        completed: 0,
        seconds: timing.measured.as_secs_f64(),
        latencies: histogram(),
        cpu: after.iter().map(|(name, seconds)| (*name, seconds - before[name])).collect(),
        memory: monitored.memory(),
        errors: Vec::new(),
    };
    for stats in workers.join_all().await {
        sample.completed += stats.completed_in_time;
        sample.latencies.add(&stats.latencies).unwrap();
        sample.errors.extend(stats.errors);
    }
    sample
}

/// The measurements of one connection.
struct WorkerStats {
    completed_in_time: u64,
    latencies: Histogram<u64>,
    errors: Vec<String>,
}

impl Default for WorkerStats {
    fn default() -> Self {
        Self { completed_in_time: 0, latencies: histogram(), errors: Vec::new() }
    }
}

struct Worker {
    expected: u16,
    begin: Instant,
    end: Instant,
    stats: WorkerStats,
}

impl Worker {
    async fn run(mut self, address: SocketAddr, requests: Requests) -> WorkerStats {
        if let Err(error) = self.exchange_all(address, requests).await {
            self.stats.errors.push(format!("no response: {error}"));
        }
        self.stats
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
            self.record(sent, Instant::now());
            if status != self.expected {
                let body = String::from_utf8_lossy(connection.body());
                self.stats.errors.push(format!("{status} {body}"));
            }
        }
    }

    fn record(&mut self, sent: Instant, completed: Instant) {
        if completed >= self.begin {
            let latency = completed - sent;
            self.stats.latencies.saturating_record(latency.as_micros().try_into().unwrap());
            self.stats.completed_in_time += u64::from(completed < self.end);
        }
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The complete last response.
    response: Vec<u8>,
    /// The position at which the body starts.
    body_start: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, response: Vec::with_capacity(64 * 1024), body_start: 0 })
    }

    /// Sends a request, reads the response and returns the status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.response.clear();
        self.body_start = 0;
        let (status, length) = loop {
            self.read().await?;
            if let Some(end) = self.response.windows(4).position(|window| window == b"\r\n\r\n") {
                self.body_start = end + 4;
                break parse_head(&self.response[..end])?;
            }
        };
        while self.response.len() < self.body_start + length {
            self.read().await?;
        }
        Ok(status)
    }

    /// The body of the last response.
    pub(crate) fn body(&self) -> &[u8] {
        &self.response[self.body_start..]
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.response).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Returns the status and the length of the body.
fn parse_head(head: &[u8]) -> io::Result<(u16, usize)> {
    let parse = || {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        })?;
        Some((status, length))
    };
    parse().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a response with a content length"))
}
