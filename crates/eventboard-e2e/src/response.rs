//! An HTTP response from the system.

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// A complete HTTP response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The parsed body, or `Null` if there is no JSON body.
    pub body: Value,
    /// The unparsed body.
    pub text: String,
}

impl Response {
    /// The value of a header.
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

    /// Whether this is the replayed response of an earlier request with the same idempotency key.
    pub fn is_replay(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }

    /// Asserts the status and returns the response.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Asserts a problem details body (RFC 9457) with this status and returns its body.
    pub fn expect_problem(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["correlationId"].as_str(), self.header("x-correlation-id"));
        for member in ["type", "title", "detail", "instance"] {
            assert!(self.body[member].is_string(), "{member} in {}", self.text);
        }
        self.assert_required_headers();
        &self.body
    }

    /// Asserts a validation error and returns its invalid fields, sorted.
    pub fn invalid_fields(&self) -> Vec<&str> {
        let errors = self.expect_problem(400)["errors"].as_array().expect("errors");
        let mut fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert!(errors.iter().all(|error| error["message"].is_string()), "{}", self.text);
        fields.sort_unstable();
        fields
    }

    fn assert_required_headers(&self) {
        let required = match self.status {
            401 => "www-authenticate",
            405 => "allow",
            429 | 503 => "retry-after",
            _ => return,
        };
        assert!(self.header(required).is_some(), "a {} without {required}", self.status);
    }
}

/// Sends a request and reads the complete response.
pub async fn send(request: RequestBuilder) -> Response {
    let response = request.send().await.expect("the gateway responds");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Response { status, headers, body, text }
}
