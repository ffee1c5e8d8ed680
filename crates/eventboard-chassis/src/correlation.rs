//! The correlation ID: one name for one request in the logs of every service.
//!
//! A caller may choose it; a bad or missing one is replaced. It is an extension of the request, a
//! field of the span around all work on the request, and a header of every response.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header, and the entry of the gRPC metadata, that carries the ID.
pub const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The W3C trace context header, passed on as it came.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longest ID, in characters.
const MAX_LENGTH: usize = 128;

/// A well-formed correlation ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// The ID that the headers carry when it is well-formed, else a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        given.filter(|id| is_well_formed(id)).map_or_else(Self::new, |id| Self(id.into()))
    }

    /// A new ID: a UUIDv7, which sorts by time.
    #[expect(clippy::new_without_default, reason = "every call gives another value")]
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

/// The `traceparent` of the headers when it has the form that W3C Trace Context gives it.
pub fn traceparent(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(TRACEPARENT)?;
    let text = value.to_str().ok()?;
    let lengths = text.split('-').map(str::len).take(5);
    let is_lower_hex = |c: char| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c);
    let is_named = |part: &str| part.bytes().any(|byte| byte != b'0');
    let names_something = !text.starts_with("ff") && text.split('-').skip(1).take(2).all(is_named);
    (lengths.eq([2, 32, 16, 2]) && text.chars().all(is_lower_hex) && names_something).then(|| value.clone())
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
    fn a_bad_or_missing_id_is_replaced_by_a_uuid() {
        for id in ["", "two words", "ümlaut", "semi;colon", "<script>", &"x".repeat(129)] {
            let replaced = of(id);
            assert_ne!(replaced.as_str(), id);
            assert!(Uuid::parse_str(replaced.as_str()).is_ok());
        }
        assert_ne!(CorrelationId::of(&HeaderMap::new()), CorrelationId::of(&HeaderMap::new()));
    }

    #[test]
    fn only_a_well_formed_traceparent_is_passed_on() {
        let pass = |text: &'static str| {
            let headers = [(TRACEPARENT, HeaderValue::from_static(text))].into_iter().collect();
            traceparent(&headers).is_some()
        };
        assert!(pass("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!pass("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!pass("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"));
        assert!(!pass("nonsense"));
        assert!(!pass("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!pass("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
        assert!(!pass("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
    }
}
