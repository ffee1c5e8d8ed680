//! Reads and writes the trace context in headers (W3C Trace Context).

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

/// The maximum length of a header, in bytes (W3C Trace Context, section 3.3.1.5). Longer headers are ignored.
const MAX_HEADER_BYTES: usize = 512;

/// Reads the trace context of the caller. It is empty when the headers contain no valid one.
pub(super) fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers))
}

/// Writes the trace and the calling span into the headers.
pub(super) fn inject(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HeaderInjector(headers));
}

struct HeaderExtractor<'h>(&'h HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    /// Ignores headers that are longer than the length that W3C Trace Context requires to propagate, because any
    /// client may send them.
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok().filter(|value| value.len() <= MAX_HEADER_BYTES)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeaderInjector<'h>(&'h mut HeaderMap);

impl Injector for HeaderInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        // `tracestate` is nearly always empty.
        if value.is_empty() {
            return;
        }
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// The headers of an outgoing request that continues the trace of an incoming one.
    fn forwarded(traceparent: &str, tracestate: &str) -> HeaderMap {
        let mut received = HeaderMap::new();
        received.insert("traceparent", traceparent.parse().expect("a header value"));
        received.insert("tracestate", tracestate.parse().expect("a header value"));
        received.insert("baggage", "key=value".parse().expect("a header value"));
        let mut sent = HeaderMap::new();
        inject(&extract(&received), &mut sent);
        sent
    }

    #[test]
    fn only_the_trace_context_is_forwarded_without_the_blanks_in_it() {
        let sent = forwarded(&format!("  {TRACEPARENT} "), "a=b , \t c=d,,");
        assert_eq!(sent["traceparent"], TRACEPARENT);
        assert_eq!(sent["tracestate"], "a=b,c=d");
        assert_eq!(sent.len(), 2);
    }

    #[test]
    fn a_header_beyond_the_length_limit_is_not_forwarded() {
        let blanks = " ".repeat(MAX_HEADER_BYTES);
        assert!(!forwarded(TRACEPARENT, &format!("a=b,{blanks}c=d")).contains_key("tracestate"));
        assert!(forwarded(&format!("{TRACEPARENT}{blanks}"), "a=b").is_empty());
    }
}
