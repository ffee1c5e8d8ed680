//! Somebody without a token.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    answer::{Answer, send},
    process::Process,
};

/// A client without a token.
#[derive(Clone)]
pub struct Anonymous {
    client: Client,
    gateway: SocketAddr,
}

impl Anonymous {
    /// A client of this gateway, or of another service by its HTTP.
    pub fn new(gateway: &Process) -> Self {
        Self::at(gateway.address)
    }

    /// A client of whatever listens there.
    pub fn at(gateway: SocketAddr) -> Self {
        // Longer than any deadline of the system: a request that hangs fails its test.
        let client = Client::builder().timeout(Duration::from_secs(90)).build().unwrap();
        Self { client, gateway }
    }

    /// A request that can be given more before it is sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, url(self.gateway, path))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Signs up somebody new with these fields.
    pub async fn signup(&self, fields: Value) -> Answer {
        self.post("/auth/signup", &signup_body(&fields)).await
    }

    /// Logs in.
    pub async fn login(&self, email: &Value, password: &str) -> Answer {
        self.post("/auth/login", &json!({ "email": email, "password": password })).await
    }
}

/// A signup of somebody new, with these fields besides.
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
