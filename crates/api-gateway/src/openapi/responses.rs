//! Answers, good and bad.

use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Responses, ResponsesBuilder};

use super::headers;
use crate::problem::MEDIA_TYPE;

/// A problem that a route may answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    code: u16,
    /// The name among the components.
    name: &'static str,
    description: &'static str,
    headers: &'static [&'static str],
}

macro_rules! statuses {
    ($($name:ident = $code:literal, $component:literal, $description:literal, [$($header:literal),*];)+) => {
        $(pub(super) const $name: Status = Status {
            code: $code,
            name: $component,
            description: $description,
            headers: &[$($header),*],
        };)+

        const ALL: &[Status] = &[$($name),+];
    };
}

statuses! {
    INVALID = 400, "InvalidInput", "The input breaks rules; `errors` lists all of them.", [];
    UNAUTHENTICATED = 401, "Unauthenticated", "No valid bearer token, or wrong credentials.", ["WWW-Authenticate"];
    FORBIDDEN = 403, "Forbidden", "The role, the ownership or the status forbids it.", [];
    NOT_FOUND = 404, "NotFound", "There is no such thing, or none that the caller may see.", [];
    TIMEOUT = 408, "Timeout", "The deadline passed; the outcome of a write is open.", [];
    CONFLICT = 409, "Conflict", "What is there already does not allow it.", [];
    STALE = 412, "PreconditionFailed", "The event has another version than `If-Match` names.", [];
    TOO_LARGE = 413, "PayloadTooLarge", "The body is longer than 64 KiB.", [];
    NOT_JSON = 415, "UnsupportedMediaType", "The body is not declared as JSON.", [];
    KEY_REUSED = 422, "KeyReused", "The idempotency key belongs to another request.", [];
    TOO_MANY = 429, "TooManyRequests", "The limit of requests is reached.", ["Retry-After"];
    INTERNAL = 500, "Internal", "A defect on our side.", [];
    UNAVAILABLE = 503, "Unavailable", "Overloaded, or a service is away.", ["Retry-After"];
}

/// What any limited route may answer with.
const ANYWHERE: &[Status] = &[TIMEOUT, TOO_MANY, INTERNAL, UNAVAILABLE];

/// Every problem by the name of its component.
pub(super) fn problems() -> impl IntoIterator<Item = (&'static str, Response)> {
    ALL.iter().map(|status| (status.name, problem(*status)))
}

/// The answers of a route: the good ones, and the problems that it may answer with.
pub(super) fn of<const N: usize>(good: [(&str, Response); N], problems: &[Status]) -> Responses {
    let all = problems.iter().chain(ANYWHERE);
    let references = all.map(|status| {
        let reference = RefOr::Ref(Ref::from_response_name(status.name));
        (status.code.to_string(), reference)
    });
    let good = good.into_iter().map(|(code, response)| (code.to_owned(), RefOr::T(response)));
    ResponsesBuilder::new().responses_from_iter(good.chain(references)).build()
}

/// An answer with a JSON body of that schema and, besides those of every answer, these headers.
pub(super) fn json(description: &str, schema: &str, extra: &[&str]) -> Response {
    let content = Content::new(Some(Ref::from_schema_name(schema)));
    let response = ResponseBuilder::new().description(description).content("application/json", content);
    headers::with(headers::with(response, headers::LIMITED), extra).build()
}

/// An answer without a body.
pub(super) fn empty(description: &str, extra: &[&str]) -> Response {
    let response = ResponseBuilder::new().description(description);
    headers::with(headers::with(response, headers::LIMITED), extra).build()
}

fn problem(status: Status) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new().description(status.description).content(MEDIA_TYPE, content);
    headers::with(headers::with(response, headers::LIMITED), status.headers).build()
}
