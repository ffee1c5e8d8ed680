//! A load generator that repeats one request. It uses little CPU time, because it shares the machine with the system.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use eventboard_e2e::Actor;
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::Cluster;

/// Sends the same request over many connections.
pub(crate) struct LoadGenerator {
    gateway: SocketAddr,
    request: Arc<str>,
}

/// The results of a run.
#[derive(Debug, Clone)]
pub(crate) struct LoadResult {
    pub(crate) served: usize,
    /// 503 responses with `Retry-After`.
    pub(crate) shed: usize,
    /// All other responses and errors.
    pub(crate) others: Vec<String>,
    pub(crate) longest_gap: Duration,
    duration: Duration,
    last_served: Instant,
}

impl LoadResult {
    /// Served requests per second.
    pub(crate) fn goodput(&self) -> f64 {
        self.served as f64 / self.duration.as_secs_f64()
    }

    fn count(&mut self, response: Response) {
        match response {
            Response::Served => {
                self.served += 1;
                self.longest_gap = self.longest_gap.max(self.last_served.elapsed());
                self.last_served = Instant::now();
            }
            Response::Shed { .. } => self.shed += 1,
            Response::Other(what) => self.others.push(what),
        }
    }
}

enum Response {
    Served,
    Shed { retry_after: Duration },
    Other(String),
}

impl LoadGenerator {
    pub(crate) fn new(cluster: &Cluster, actor: &Actor, path: &str) -> Self {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", actor.token);
        Self { gateway: cluster.gateways[0].address(), request: request.into() }
    }

    /// Sends requests over this many connections. Each connection sends the next request as soon as it has the
    /// response to the previous one. After a 503, it first waits as long as `Retry-After` says.
    pub(crate) async fn run(&self, connections: usize, duration: Duration) -> LoadResult {
        let empty = LoadResult {
            served: 0,
            shed: 0,
            others: Vec::new(),
            longest_gap: Duration::ZERO,
            duration,
            last_served: Instant::now(),
        };
        let result = Arc::new(Mutex::new(empty));
        let end = Instant::now() + duration;
        let clients = (0..connections).map(|_| {
            let (request, result) = (Arc::clone(&self.request), Arc::clone(&result));
            tokio::spawn(send_until(end, self.gateway, request, result))
        });
        join_all(clients.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
        let result = result.lock().unwrap();
        result.clone()
    }
}

async fn send_until(end: Instant, gateway: SocketAddr, request: Arc<str>, result: Arc<Mutex<LoadResult>>) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.set_nodelay(true).unwrap();
    while Instant::now() < end {
        let response = send(&mut stream, &request).await;
        let pause = match response {
            Response::Served => None,
            Response::Shed { retry_after } => Some(retry_after),
            Response::Other(_) => Some(Duration::MAX),
        };
        result.lock().unwrap().count(response);
        if let Some(pause) = pause {
            tokio::time::sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
        }
    }
}

async fn send(stream: &mut TcpStream, request: &str) -> Response {
    match exchange(stream, request).await {
        Ok(head) if head.starts_with("HTTP/1.1 200 ") => Response::Served,
        Ok(head) if head.starts_with("HTTP/1.1 503 ") => match numeric_header(&head, "retry-after") {
            Some(seconds) => Response::Shed { retry_after: Duration::from_secs(seconds) },
            None => Response::Other(head),
        },
        Ok(head) => Response::Other(head),
        Err(error) => Response::Other(error.to_string()),
    }
}

fn numeric_header(head: &str, name: &str) -> Option<u64> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| *field == name)?.1.parse().ok()
}

/// Sends the request, reads the complete response and returns its head.
async fn exchange(stream: &mut TcpStream, request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..length]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let body = numeric_header(&head, "content-length").expect("a response with a content length");
        if bytes.len() >= end + 4 + usize::try_from(body).unwrap() {
            return Ok(head);
        }
    }
}
