//! A client without a token.

use std::{net::SocketAddr, time::Duration};

use reqwest::{
    Client, Method, RequestBuilder,
    header::{HOST, HeaderMap},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    process::Process,
    response::{Response, send},
};

/// A client without a token.
#[derive(Clone)]
pub struct Anonymous {
    client: Client,
    gateway: SocketAddr,
    host: Option<String>,
}

impl Anonymous {
    /// Creates a client for this gateway, or for the HTTP endpoints of another service.
    pub fn new(gateway: &Process) -> Self {
        Self::at(gateway.address)
    }

    /// Creates a client for the process that listens on this address.
    pub fn at(gateway: SocketAddr) -> Self {
        Self::new_for(gateway, None)
    }

    /// Creates a client for a proxy, which finds the gateway by this host name.
    pub fn behind_proxy(proxy: SocketAddr, host: &str) -> Self {
        Self::new_for(proxy, Some(host.to_owned()))
    }

    fn new_for(gateway: SocketAddr, host: Option<String>) -> Self {
        // The timeout is longer than any deadline in the system, so that a request that hangs fails its test.
        let client = http_client(Duration::from_secs(90), host.as_deref());
        Self { client, gateway, host }
    }

    /// Another HTTP client for the same gateway. It shares no connection with this one.
    pub(crate) fn separate_http_client(&self, timeout: Duration) -> Client {
        http_client(timeout, self.host.as_deref())
    }

    /// A request that can be extended before it is sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, url(self.gateway, path))
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> Response {
        send(self.request(Method::GET, path)).await
    }

    /// Sends a POST request.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Signs up a new user. The fields override the defaults.
    pub async fn signup(&self, fields: Value) -> Response {
        self.post("/auth/signup", &signup_body(&fields)).await
    }

    /// Sends a login request.
    pub async fn login(&self, email: &Value, password: &str) -> Response {
        self.post("/auth/login", &json!({ "email": email, "password": password })).await
    }
}

/// An HTTP client. It sends this host name, if there is one, instead of the address.
fn http_client(timeout: Duration, host: Option<&str>) -> Client {
    let headers: HeaderMap = host.map(|host| (HOST, host.parse().unwrap())).into_iter().collect();
    Client::builder().timeout(timeout).no_proxy().default_headers(headers).build().unwrap()
}

/// A signup body with a unique email address. These fields override the defaults.
fn signup_body(fields: &Value) -> Value {
    let mut body = json!({
        "email": format!("{}@example.org", Uuid::now_v7()),
        "password": "Password123!",
        "firstName": "Some",
        "lastName": "Body",
    });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// The URL of a path at an address.
pub fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}
