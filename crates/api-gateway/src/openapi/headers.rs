//! Headers of answers.

use utoipa::openapi::{Header, ObjectBuilder, Ref, RefOr, ResponseBuilder, header::HeaderBuilder};

use super::schemas::{integer, one_of, string};

/// On every answer.
pub(super) const EVERYWHERE: &[&str] = &["X-Correlation-ID"];

/// On every answer of an operation that is limited.
pub(super) const LIMITED: &[&str] =
    &["X-Correlation-ID", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

/// Every header by name.
pub(super) fn all() -> Vec<(&'static str, Header)> {
    let tag = string().pattern(Some(r#"^"[0-9]+"$"#));
    vec![
        ("X-Correlation-ID", header("The name of the request in the logs.", string())),
        ("RateLimit-Limit", header("Requests in a window.", integer(1, None))),
        ("RateLimit-Remaining", header("Requests left in this window.", integer(0, None))),
        ("RateLimit-Reset", header("Seconds until the window ends.", integer(1, None))),
        ("Retry-After", header("Seconds after which to try again.", integer(1, None))),
        ("WWW-Authenticate", header("The scheme to authenticate with.", one_of(["Bearer"]))),
        ("ETag", header("The version of the event.", tag)),
        ("Location", header("The path of what was found or made.", string())),
        ("Cache-Control", header("Who may keep the answer.", string())),
        (
            "Idempotency-Replayed",
            header("Only on the answer that an earlier request with the same key got.", one_of(["true"])),
        ),
    ]
}

/// A reference to a header of the components.
pub(super) fn reference(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// Adds headers to an answer, by reference to the components.
pub(super) fn with(response: ResponseBuilder, names: &[&str]) -> ResponseBuilder {
    names.iter().fold(response, |response, name| {
        response.header_ref(*name, Ref::new(format!("#/components/headers/{name}")))
    })
}

fn header(description: &str, schema: ObjectBuilder) -> Header {
    HeaderBuilder::new().description(Some(description)).schema(Some(schema)).build()
}
