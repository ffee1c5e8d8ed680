//! A load generator that repeats one request. It uses little CPU time, because it shares the machine with the system.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use eventboard_e2e::Actor;
use futures::future::join_all;
use tokio::net::TcpStream;

use crate::harness::{Cluster, http1::exchange};

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
        Ok(reply) if reply.status() == "200" => Response::Served,
        Ok(reply) if reply.status() == "503" => match reply.numeric_header("retry-after") {
            Some(seconds) => Response::Shed { retry_after: Duration::from_secs(seconds) },
            None => Response::Other(reply.head),
        },
        Ok(reply) => Response::Other(reply.head),
        Err(error) => Response::Other(error.to_string()),
    }
}
