//! One client's way to the gateways.

use std::{net::SocketAddr, time::Duration};

use crate::{Actor, url};
use reqwest::{Client, Method};
use serde_json::Value;

/// Longer than any deadline of the system.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) body: Option<Value>,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Reply {
    Answer {
        status: u16,
        has_retry_after: bool,
        text: String,
    },
    /// The connection broke or nothing came; why.
    Nothing(String),
}

/// A client that stays with one gateway until that refuses a connection, as behind any load balancer.
pub(super) struct Caller {
    http: Client,
    gateways: Vec<SocketAddr>,
    present: usize,
    token: String,
}

impl Wanted {
    pub(super) fn get(path: String) -> Self {
        Self { method: Method::GET, path, key: None, body: None }
    }

    pub(super) fn post(path: String, key: Option<String>, body: Option<Value>) -> Self {
        Self { method: Method::POST, path, key, body }
    }
}

impl Caller {
    pub(super) fn new(number: usize, actor: &Actor, gateways: Vec<SocketAddr>) -> Self {
        let http = Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { http, present: number % gateways.len(), gateways, token: actor.token.clone() }
    }

    /// Sends a request once. One whose connection was refused was not sent, and goes to the next gateway.
    pub(super) async fn send(&mut self, wanted: &Wanted) -> Reply {
        let mut refused = 0;
        loop {
            match self.send_to(self.gateways[self.present], wanted).await {
                Ok(reply) => return reply,
                Err(error) if error.is_connect() && refused + 1 < self.gateways.len() => {
                    refused += 1;
                    self.present = (self.present + 1) % self.gateways.len();
                }
                Err(error) => return Reply::Nothing(format!("{error:?}")),
            }
        }
    }

    async fn send_to(&self, gateway: SocketAddr, wanted: &Wanted) -> reqwest::Result<Reply> {
        let mut request = self.http.request(wanted.method.clone(), url(gateway, &wanted.path));
        if let Some(key) = &wanted.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &wanted.body {
            request = request.json(body);
        }
        let answer = request.bearer_auth(&self.token).send().await?;
        let (status, has_retry_after) =
            (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        Ok(Reply::Answer { status, has_retry_after, text: answer.text().await? })
    }
}
