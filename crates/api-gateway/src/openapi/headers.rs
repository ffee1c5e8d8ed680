//! Response headers.

use utoipa::openapi::{Header, ObjectBuilder, Ref, RefOr, ResponseBuilder, header::HeaderBuilder};

use super::schemas::{integer, string, string_enum};

/// The headers of every response.
pub(super) const COMMON: &[&str] = &["X-Correlation-ID"];

/// The headers of every response of a rate-limited operation.
pub(super) const RATE_LIMITED: &[&str] =
    &["X-Correlation-ID", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

/// All response headers, by name.
pub(super) fn all() -> Vec<(&'static str, Header)> {
    let tag = string().pattern(Some(r#"^"[0-9]+"$"#));
    vec![
        ("X-Correlation-ID", header("Identifies the request in the logs.", string())),
        ("RateLimit-Limit", header("The number of requests allowed per window.", integer(1, None))),
        (
            "RateLimit-Remaining",
            header("The number of requests left in the current window.", integer(0, None)),
        ),
        ("RateLimit-Reset", header("Seconds until the current window ends.", integer(1, None))),
        ("Retry-After", header("Seconds to wait before a retry.", integer(1, None))),
        ("WWW-Authenticate", header("The required authentication scheme.", string_enum(["Bearer"]))),
        ("ETag", header("The version of the event.", tag)),
        ("Location", header("The path of the created event, or the target of a redirect.", string())),
        ("Cache-Control", header("How the response may be cached.", string())),
        (
            "Idempotency-Replayed",
            header(
                "Present if this is the stored response to an earlier request with the same key.",
                string_enum(["true"]),
            ),
        ),
    ]
}

/// A reference to a header component.
pub(super) fn reference(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// Adds references to header components to a response.
pub(super) fn with_headers(response: ResponseBuilder, names: &[&str]) -> ResponseBuilder {
    names.iter().fold(response, |response, name| {
        response.header_ref(*name, Ref::new(format!("#/components/headers/{name}")))
    })
}

fn header(description: &str, schema: ObjectBuilder) -> Header {
    HeaderBuilder::new().description(Some(description)).schema(Some(schema)).build()
}
