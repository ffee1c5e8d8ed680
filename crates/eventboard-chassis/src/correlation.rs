//! The correlation ID, which identifies a request in the logs of all services.
//!
//! The caller may choose the ID. If it is missing or invalid, the service creates a new one. The ID is stored as an
//! extension of the request and as a field of the request's tracing span, so that every log line contains it. Every
//! response contains it as a header.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The name of the HTTP header and of the gRPC metadata entry.
pub const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The W3C Trace Context header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Maximum length of an ID, in characters.
const MAX_LENGTH: usize = 128;

/// A well-formed correlation ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// Takes the ID from the headers if it is well-formed. Otherwise creates a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        Self::in_header(headers, HEADER)
    }

    /// Like [`CorrelationId::of`], with the ID in another header.
    pub fn in_header(headers: &HeaderMap, name: HeaderName) -> Self {
        let received = headers.get(name).and_then(|value| value.to_str().ok());
        received.filter(|id| is_well_formed(id)).map_or_else(Self::new, |id| Self(id.into()))
    }

    /// Returns the ID of a gRPC call.
    pub fn of_call<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_else(Self::new)
    }

    /// Creates a new ID: a UUIDv7, which sorts by time.
    #[expect(clippy::new_without_default, reason = "every call returns a different value")]
    pub fn new() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    /// The ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ID as a header value.
    pub fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the `traceparent` header if it is valid according to W3C Trace Context.
pub fn traceparent(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(TRACEPARENT)?;
    let text = value.to_str().ok()?;
    let lengths = text.split('-').map(str::len).take(5);
    let is_lower_hex = |c: char| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c);
    let is_nonzero = |part: &str| part.bytes().any(|byte| byte != b'0');
    let is_valid = !text.starts_with("ff") && text.split('-').skip(1).take(2).all(is_nonzero);
    (lengths.eq([2, 32, 16, 2]) && text.chars().all(is_lower_hex) && is_valid).then(|| value.clone())
}

fn is_well_formed(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/+=@-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str) -> CorrelationId {
        CorrelationId::of(
            &[(HEADER, HeaderValue::from_str(id).expect("a header value"))].into_iter().collect(),
        )
    }

    #[test]
    fn a_well_formed_id_is_kept() {
        for id in ["x", "order-42", "a.b:c/d+e=f@g-h_i", &"x".repeat(128)] {
            assert_eq!(of(id).as_str(), id);
        }
    }

    #[test]
    fn an_invalid_or_missing_id_is_replaced_by_a_uuid() {
        for id in ["", "two words", "ümlaut", "semi;colon", "<script>", &"x".repeat(129)] {
            let replaced = of(id);
            assert_ne!(replaced.as_str(), id);
            assert!(Uuid::parse_str(replaced.as_str()).is_ok());
        }
        assert_ne!(CorrelationId::of(&HeaderMap::new()), CorrelationId::of(&HeaderMap::new()));
    }

    #[test]
    fn only_a_valid_traceparent_is_accepted() {
        let is_accepted = |text: &'static str| {
            let headers = [(TRACEPARENT, HeaderValue::from_static(text))].into_iter().collect();
            traceparent(&headers).is_some()
        };
        assert!(is_accepted("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!is_accepted("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!is_accepted("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"));
        assert!(!is_accepted("invalid"));
        assert!(!is_accepted("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!is_accepted("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
        assert!(!is_accepted("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
    }
}
