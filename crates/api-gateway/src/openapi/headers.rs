//! Response headers.

use utoipa::openapi::{
    Header, ObjectBuilder, Ref, RefOr, ResponseBuilder, SchemaFormat, extensions::Extensions,
    header::HeaderBuilder,
};

use super::schemas::{integer, string, string_enum};

/// The headers of every response.
pub(super) const COMMON: &[&str] = &["X-Correlation-ID", "X-Request-ID", "Server-Timing"];

/// The headers of every response of a rate-limited operation.
pub(super) const RATE_LIMITED: &[&str] = &[
    "X-Correlation-ID",
    "X-Request-ID",
    "Server-Timing",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
];

/// All response headers, by name.
pub(super) fn all() -> Vec<(&'static str, Header)> {
    let tag = string().pattern(Some(r#"^"[0-9]+(-(gzip|br|zstd))?"$"#));
    vec![
        ("X-Correlation-ID", always("Identifies the request in the logs.", string())),
        ("X-Request-ID", header("The same as `X-Correlation-ID`, if the request has this header.", string())),
        (
            "Server-Timing",
            always(
                "Where the time was spent, in milliseconds: in all (`total`) and in calls to each service.",
                string().examples(["total;dur=3.1, events-service;dur=2.2"]),
            ),
        ),
        ("RateLimit-Limit", header("The number of requests allowed per window.", integer(1, None))),
        (
            "RateLimit-Remaining",
            header("The number of requests left in the current window.", integer(0, None)),
        ),
        ("RateLimit-Reset", header("Seconds until the current window ends.", integer(1, None))),
        ("Retry-After", always("Seconds to wait before a retry.", integer(1, None))),
        ("WWW-Authenticate", always("The required authentication scheme.", string_enum(["Bearer"]))),
        (
            "ETag",
            always(
                "The version of the resource. A compressed response has a tag of its own, for example `\"7-gzip\"`.",
                tag,
            ),
        ),
        (
            "Accept-Encoding",
            header(
                "Present if the `Content-Encoding` of the request is not supported.",
                string_enum(["identity"]),
            ),
        ),
        (
            "Location",
            always(
                "The path of the created resource.",
                string().format(Some(SchemaFormat::Custom("uri-reference".to_owned()))),
            ),
        ),
        ("Content-Disposition", always("Asks browsers to save the response as a file.", string())),
        ("Cache-Control", always("How the response may be cached.", string())),
        (
            "Idempotency-Replayed",
            header(
                "Present if an earlier request with the same key did the work, and this one changed nothing.",
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

/// A header that every response with it in the document has. The `RateLimit-*` headers are none, because rate limiting
/// can be disabled.
fn always(description: &str, schema: ObjectBuilder) -> Header {
    let mut header = header(description, schema);
    // `Header` has no field for this member. Extensions are written as members, whatever their names.
    header.extensions = Some(Extensions::from_iter([("required", true)]));
    header
}

fn header(description: &str, schema: ObjectBuilder) -> Header {
    HeaderBuilder::new().description(Some(description)).schema(Some(schema)).build()
}
