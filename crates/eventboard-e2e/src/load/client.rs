//! An HTTP client that uses several gateways.

use std::{net::SocketAddr, time::Duration};

use crate::{Actor, url};
use reqwest::{Client, Method};
use serde_json::Value;

/// The time limit for a request. It is longer than any deadline in the system.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) body: Option<Value>,
}

/// The result of a request.
#[derive(Debug)]
pub(super) enum Reply {
    Response {
        status: u16,
        has_retry_after: bool,
        text: String,
    },
    /// The connection broke or the request timed out. Contains the reason.
    NoResponse(String),
}

/// A client that uses one gateway until that gateway refuses a connection, as behind a load balancer.
pub(super) struct LoadClient {
    http: Client,
    gateways: Vec<SocketAddr>,
    /// The index of the gateway in use.
    current: usize,
    token: String,
}

impl Request {
    pub(super) fn get(path: String) -> Self {
        Self { method: Method::GET, path, key: None, body: None }
    }

    pub(super) fn post(path: String, key: Option<String>, body: Option<Value>) -> Self {
        Self { method: Method::POST, path, key, body }
    }
}

impl LoadClient {
    pub(super) fn new(number: usize, actor: &Actor, gateways: Vec<SocketAddr>) -> Self {
        let http = actor.anonymous.separate_http_client(REQUEST_TIMEOUT);
        Self { http, current: number % gateways.len(), gateways, token: actor.token.clone() }
    }

    /// Sends a request once. If a connection is refused, the request was not sent, so the client sends it to the next
    /// gateway.
    pub(super) async fn send(&mut self, request: &Request) -> Reply {
        let mut refused = 0;
        loop {
            match self.send_to(self.gateways[self.current], request).await {
                Ok(reply) => return reply,
                Err(error) if error.is_connect() && refused + 1 < self.gateways.len() => {
                    refused += 1;
                    self.current = (self.current + 1) % self.gateways.len();
                }
                Err(error) => return Reply::NoResponse(format!("{error:?}")),
            }
        }
    }

    async fn send_to(&self, gateway: SocketAddr, request: &Request) -> reqwest::Result<Reply> {
        let mut builder = self.http.request(request.method.clone(), url(gateway, &request.path));
        if let Some(key) = &request.key {
            builder = builder.header("idempotency-key", key);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let response = builder.bearer_auth(&self.token).send().await?;
        let (status, has_retry_after) =
            (response.status().as_u16(), response.headers().contains_key("retry-after"));
        Ok(Reply::Response { status, has_retry_after, text: response.text().await? })
    }
}
