//! Everything that can go wrong, as `application/problem+json` (RFC 9457).
//!
//! A handler or layer answers with a [`Problem`]; its response has the status, the headers and the
//! problem itself as an extension, but no body yet. One outer layer, `middleware::problem`, writes
//! the body, because only there the path, the correlation ID and the problems of the libraries are
//! known.
//!
//! `type` is `urn:eventboard:problem:NAME`: stable, absolute as RFC 9457 (section 3.1.1) recommends,
//! and not a link. The names are those of [`ErrorCode`] in lower case with hyphens, and the few of
//! the HTTP edge.

mod edge;

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{Faults, Refusal};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::edge::{BODY_LIMIT, Edge};

/// The media type of every error.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds after which a client may try again what was refused for want of a service or of room.
const RETRY_AFTER_UNAVAILABLE: u64 = 1;

/// What went wrong with a request.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// What a service or a rule said.
    Service(Arc<ServiceError>),
    /// What only HTTP knows.
    Edge(Edge),
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// What kind of problem it is; the same for every occurrence.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "urn:eventboard:problem:invalid-input")]
    kind: String,
    /// The kind in words.
    #[schema(example = "Invalid input")]
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// This occurrence in words.
    #[schema(example = "The request is not valid.")]
    detail: String,
    /// The path of the request.
    #[schema(format = "uri-reference", example = "/events")]
    instance: String,
    /// The name of the request in the logs.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    correlation_id: String,
    /// Every fault of the input, when the input is what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FaultDocument>,
}

/// One thing that is wrong with one field of the input.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub(crate) struct FaultDocument {
    /// The field, parameter or header.
    #[schema(example = "title")]
    field: String,
    /// What is wrong with it.
    #[schema(example = "must be 3 to 200 characters long")]
    message: String,
}

impl Problem {
    /// What a response that a library made stands for.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self::Edge(match status {
            StatusCode::METHOD_NOT_ALLOWED => Edge::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Edge::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Edge::UnsupportedMediaType,
            StatusCode::NOT_FOUND => Edge::UnknownPath,
            other => Edge::Other(other),
        })
    }

    /// Its HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Service(error) => error.code().http(),
            Self::Edge(edge) => edge.status(),
        }
    }

    /// Writes the cause to the log, for which this is the place where a failure leaves the system.
    pub(crate) fn log(&self) {
        match self {
            Self::Service(error) => error.log(),
            Self::Edge(edge) => tracing::debug!(?edge, "Refused"),
        }
    }

    /// The body for a request with this path and correlation ID.
    pub(crate) fn document(&self, instance: &str, correlation_id: &str) -> ProblemDocument {
        let (name, title, detail) = match self {
            Self::Service(error) => {
                (slug(error.code().as_str()), title(error.code()), error.message().to_owned())
            }
            Self::Edge(edge) => (edge.name().to_owned(), edge.title(), edge.detail()),
        };
        ProblemDocument {
            kind: format!("urn:eventboard:problem:{name}"),
            title,
            status: self.status().as_u16(),
            detail,
            instance: instance.to_owned(),
            correlation_id: correlation_id.to_owned(),
            errors: self.faults(),
        }
    }

    fn faults(&self) -> Vec<FaultDocument> {
        let Self::Service(error) = self else { return Vec::new() };
        let faults = error.faults().iter();
        faults
            .map(|fault| FaultDocument { field: fault.field.clone(), message: fault.message.clone() })
            .collect()
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Edge(Edge::RateLimited { retry_after }) => Some(*retry_after),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_UNAVAILABLE),
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        Self::Service(Arc::new(error))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        ServiceError::from(refusal).into()
    }
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        ServiceError::invalid(faults).into()
    }
}

impl From<Edge> for Problem {
    fn from(edge: Edge) -> Self {
        Self::Edge(edge)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The name of a code within `type`.
fn slug(code: &str) -> String {
    code.to_ascii_lowercase().replace('_', "-")
}

const fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidInput => "Invalid input",
        ErrorCode::Unauthenticated => "Not authenticated",
        ErrorCode::Forbidden => "Forbidden",
        ErrorCode::NotFound => "Not found",
        ErrorCode::DeadlineExceeded => "Request timeout",
        ErrorCode::AlreadyExists => "Already exists",
        ErrorCode::WrongStatus => "Wrong status",
        ErrorCode::StaleVersion => "Precondition failed",
        ErrorCode::KeyReused => "Idempotency key reused",
        ErrorCode::Overloaded => "Overloaded",
        ErrorCode::Unavailable => "Service unavailable",
        ErrorCode::Internal => "Internal error",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(problem: &Problem) -> serde_json::Value {
        serde_json::to_value(problem.document("/events", "abc")).expect("JSON")
    }

    #[test]
    fn a_problem_lists_all_faults() {
        let mut faults = Faults::one("title", "is required");
        faults.add("endDate", "must be after startDate");
        assert_eq!(
            rendered(&faults.into()),
            json!({
                "type": "urn:eventboard:problem:invalid-input",
                "title": "Invalid input",
                "status": 400,
                "detail": "The request is not valid.",
                "instance": "/events",
                "correlationId": "abc",
                "errors": [
                    {"field": "title", "message": "is required"},
                    {"field": "endDate", "message": "must be after startDate"},
                ],
            })
        );
    }

    #[test]
    fn a_problem_never_tells_its_cause() {
        let problem = Problem::from(ServiceError::internal("password authentication failed"));
        assert!(!rendered(&problem).to_string().contains("password"));
        assert_eq!(rendered(&problem)["status"], 500);
    }

    #[test]
    fn statuses_carry_the_headers_that_they_owe() {
        let headers = |problem: Problem| problem.into_response().headers().clone();
        let of = |code| Problem::from(ServiceError::new(code, ""));
        assert_eq!(headers(of(ErrorCode::Unauthenticated))["www-authenticate"], "Bearer");
        assert_eq!(headers(of(ErrorCode::Unavailable))["retry-after"], "1");
        assert_eq!(headers(of(ErrorCode::Overloaded))["retry-after"], "1");
        assert_eq!(headers(Edge::RateLimited { retry_after: 42 }.into())["retry-after"], "42");
        assert!(headers(of(ErrorCode::NotFound)).is_empty());
    }

    #[test]
    fn every_kind_has_a_type_of_its_own() {
        let codes = ErrorCode::ALL.iter().map(|code| Problem::from(ServiceError::new(*code, "")));
        let edges = [
            Edge::UnknownPath,
            Edge::MethodNotAllowed,
            Edge::PayloadTooLarge,
            Edge::UnsupportedMediaType,
            Edge::RateLimited { retry_after: 1 },
            Edge::Other(StatusCode::IM_A_TEAPOT),
        ];
        let problems: Vec<_> = codes.chain(edges.map(Problem::from)).collect();
        let types: std::collections::HashSet<_> =
            problems.iter().map(|problem| rendered(problem)["type"].to_string()).collect();
        assert_eq!(types.len(), problems.len());
    }
}
