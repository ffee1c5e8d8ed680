//! What the system answered.

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// An answer as a whole.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// `Null` when there is no body, or none that is JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The id of the event or user in the body.
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// The ETag.
    pub fn etag(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }

    /// Whether an earlier request had the effect.
    pub fn is_replay(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }

    /// Asserts this status, whatever else the answer is, and gives the answer.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Asserts a problem document of this status and gives its body.
    pub fn problem(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["correlationId"].as_str(), self.header("x-correlation-id"));
        for member in ["type", "title", "detail", "instance"] {
            assert!(self.body[member].is_string(), "{member} in {}", self.text);
        }
        self.assert_owed_headers();
        &self.body
    }

    /// The fields that a 400 complains of, sorted.
    pub fn faulty_fields(&self) -> Vec<&str> {
        let errors = self.problem(400)["errors"].as_array().expect("errors");
        let mut fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert!(errors.iter().all(|error| error["message"].is_string()), "{}", self.text);
        fields.sort_unstable();
        fields
    }

    fn assert_owed_headers(&self) {
        let owed = match self.status {
            401 => "www-authenticate",
            405 => "allow",
            429 | 503 => "retry-after",
            _ => return,
        };
        assert!(self.header(owed).is_some(), "a {} without {owed}", self.status);
    }
}

/// Sends a request and takes the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the gateway answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, headers, body, text }
}
