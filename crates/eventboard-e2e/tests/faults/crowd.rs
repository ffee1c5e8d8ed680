//! A crowd that all wants the same, as cheaply as it can be asked for: the clients share the machine.

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

/// One request, ready to be sent.
pub(crate) struct Crowd {
    gateway: SocketAddr,
    request: Arc<str>,
}

/// What a crowd got.
#[derive(Debug, Clone)]
pub(crate) struct Yield {
    pub(crate) served: usize,
    /// 503 with `Retry-After`.
    pub(crate) shed: usize,
    /// Anything else.
    pub(crate) others: Vec<String>,
    pub(crate) longest_gap: Duration,
    time: Duration,
    last: Instant,
}

impl Yield {
    pub(crate) fn goodput(&self) -> f64 {
        self.served as f64 / self.time.as_secs_f64()
    }

    fn count(&mut self, answer: Answer) {
        match answer {
            Answer::Served => {
                self.served += 1;
                self.longest_gap = self.longest_gap.max(self.last.elapsed());
                self.last = Instant::now();
            }
            Answer::Shed { .. } => self.shed += 1,
            Answer::Other(what) => self.others.push(what),
        }
    }
}

enum Answer {
    Served,
    Shed { retry_after: Duration },
    Other(String),
}

impl Crowd {
    pub(crate) fn of(cluster: &Cluster, actor: &Actor, path: &str) -> Self {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", actor.token);
        Self { gateway: cluster.gateways[0].address(), request: request.into() }
    }

    /// So many connections, each with the next request as soon as the one before is answered, or when a 503 wants it.
    pub(crate) async fn work(&self, connections: usize, time: Duration) -> Yield {
        let nothing = Yield {
            served: 0,
            shed: 0,
            others: Vec::new(),
            longest_gap: Duration::ZERO,
            time,
            last: Instant::now(),
        };
        let counted = Arc::new(Mutex::new(nothing));
        let until = Instant::now() + time;
        let clients = (0..connections).map(|_| {
            let (request, counted) = (Arc::clone(&self.request), Arc::clone(&counted));
            tokio::spawn(ask_until(until, self.gateway, request, counted))
        });
        join_all(clients.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
        let counted = counted.lock().unwrap();
        counted.clone()
    }
}

async fn ask_until(until: Instant, gateway: SocketAddr, request: Arc<str>, counted: Arc<Mutex<Yield>>) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.set_nodelay(true).unwrap();
    while Instant::now() < until {
        let answer = ask(&mut stream, &request).await;
        let pause = match answer {
            Answer::Served => None,
            Answer::Shed { retry_after } => Some(retry_after),
            Answer::Other(_) => Some(Duration::MAX),
        };
        counted.lock().unwrap().count(answer);
        if let Some(pause) = pause {
            tokio::time::sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }
}

async fn ask(stream: &mut TcpStream, request: &str) -> Answer {
    match exchange(stream, request).await {
        Ok(head) if head.starts_with("HTTP/1.1 200 ") => Answer::Served,
        Ok(head) if head.starts_with("HTTP/1.1 503 ") => match header(&head, "retry-after") {
            Some(seconds) => Answer::Shed { retry_after: Duration::from_secs(seconds) },
            None => Answer::Other(head),
        },
        Ok(head) => Answer::Other(head),
        Err(error) => Answer::Other(error.to_string()),
    }
}

/// A header that is a number.
fn header(head: &str, name: &str) -> Option<u64> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| *field == name)?.1.parse().ok()
}

/// Sends the request and takes the whole answer; its head.
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
        let body = header(&head, "content-length").expect("an answer of known length");
        if bytes.len() >= end + 4 + usize::try_from(body).unwrap() {
            return Ok(head);
        }
    }
}
