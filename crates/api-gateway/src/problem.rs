//! Errors as problem details, `application/problem+json` (RFC 9457).
//!
//! A handler or layer returns a [`Problem`]. The response made from it has the status, the headers and, as an
//! extension, the problem itself, but no body. The outer layer `middleware::problem` writes the body, because only
//! that layer knows the path, the correlation ID and errors from libraries.
//!
//! `type` is `urn:eventboard:problem:NAME`. It is stable, absolute (RFC 9457, section 3.1.1, recommends that) and not
//! a link. NAME is the name of an [`ErrorCode`], in lower case and with hyphens, or the name of an [`HttpError`].

mod http_error;
mod instance;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{Refusal, Violation, Violations};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::{
    http_error::{BODY_LIMIT, HttpError, URI_LIMIT},
    instance::instance,
};

/// The media type of every error response.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// `Retry-After` of a 503, in seconds.
const RETRY_AFTER_UNAVAILABLE: u64 = 1;

/// The error of a request.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// An error of the domain or of a service, or a failure of the gateway itself: a deadline, overload, a panic.
    Service(Arc<ServiceError>),
    /// An error on the HTTP level.
    Http(HttpError),
}

/// The body of every error response (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProblemDetails)]
pub(crate) struct ProblemDocument {
    /// Identifies the kind of error. Clients can match on it.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "urn:eventboard:problem:invalid-input")]
    kind: String,
    /// A short description of the kind of error.
    #[schema(example = "Invalid input")]
    title: &'static str,
    /// The HTTP status code.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// What went wrong in this request.
    #[schema(example = "The request is not valid.")]
    detail: String,
    /// The path of the request. A path of more than 100 characters is cut and ends with `...`.
    #[schema(format = "uri-reference", max_length = 100, example = "/events")]
    instance: String,
    /// The correlation ID of the request. Quote it when you report the error.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    correlation_id: String,
    /// The first 50 invalid fields. Only in a 400 response for invalid input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 50)]
    errors: Vec<ViolationDocument>,
    /// How many invalid fields `errors` does not list. Only if there are more than 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, example = 3)]
    errors_omitted: Option<usize>,
}

/// One rule that a field of the input violates.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Violation)]
pub(crate) struct ViolationDocument {
    /// The name of the field, parameter or header. A name of more than 100 characters is cut and ends with `…`.
    #[schema(max_length = 100, example = "title")]
    field: String,
    /// What is wrong. It reads as a sentence after the name of the field.
    #[schema(example = "must be 3 to 200 characters long")]
    message: String,
}

impl Problem {
    /// The problem for an error response that a library created.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        Self::Http(match status {
            StatusCode::METHOD_NOT_ALLOWED => HttpError::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => HttpError::PayloadTooLarge,
            StatusCode::URI_TOO_LONG => HttpError::UriTooLong,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => HttpError::UnsupportedMediaType,
            StatusCode::NOT_FOUND => HttpError::UnknownPath,
            other => HttpError::Other(other),
        })
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Service(error) => error.code().http(),
            Self::Http(error) => error.status(),
        }
    }

    /// The code of a domain error or of a failure.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Service(error) => Some(error.code()),
            Self::Http(_) => None,
        }
    }

    /// The message for the caller.
    fn detail(&self) -> String {
        match self {
            Self::Service(error) => error.message().to_owned(),
            Self::Http(error) => error.detail(),
        }
    }

    /// Logs the cause. Call this once, where the error leaves the gateway.
    pub(crate) fn log(&self) {
        match self {
            Self::Service(error) => error.log(),
            Self::Http(error) => tracing::debug!(?error, "Request rejected"),
        }
    }

    /// The body for a request with this [`instance`] and correlation ID.
    pub(crate) fn document(&self, instance: &str, correlation_id: &str) -> ProblemDocument {
        let (name, title) = match self {
            Self::Service(error) => (slug(error.code().as_str()), title(error.code())),
            Self::Http(error) => (error.name().to_owned(), error.title()),
        };
        ProblemDocument {
            kind: format!("urn:eventboard:problem:{name}"),
            title,
            status: self.status().as_u16(),
            detail: self.detail(),
            instance: instance.to_owned(),
            correlation_id: correlation_id.to_owned(),
            errors: self.violations().into_iter().flat_map(Violations::iter).map(Into::into).collect(),
            errors_omitted: self.violations().map(Violations::omitted).filter(|omitted| *omitted > 0),
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Service(error) => Some(error.violations()),
            Self::Http(_) => None,
        }
    }

    /// When to try again, in seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Http(HttpError::RateLimited { retry_after }) => Some(*retry_after),
            Self::Service(error) if let Some(time) = error.retry_after() => Some(rounded_up(time)),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_UNAVAILABLE),
        }
    }
}

impl From<&Violation> for ViolationDocument {
    fn from(violation: &Violation) -> Self {
        let Violation { field, message } = violation.clone();
        Self { field, message }
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

impl From<Violations> for Problem {
    fn from(violations: Violations) -> Self {
        ServiceError::invalid(violations).into()
    }
}

impl From<HttpError> for Problem {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
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
            // Required by RFC 6750, section 3.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self, Self::Http(HttpError::UnsupportedContentCoding)) {
            // RFC 9110, section 15.5.16.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Whole seconds, at least one.
fn rounded_up(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// The name of an error code in the problem type.
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
        ErrorCode::LastAdmin => "Last admin",
        ErrorCode::QuotaExceeded => "Quota exceeded",
        ErrorCode::StaleVersion => "Precondition failed",
        ErrorCode::KeyReused => "Idempotency key reused",
        ErrorCode::HeadersTooLarge => "Header fields too large",
        ErrorCode::Throttled => "Tried too often",
        ErrorCode::Overloaded => "Overloaded",
        ErrorCode::Unavailable => "Service unavailable",
        ErrorCode::Internal => "Internal error",
    }
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::server::InvalidHost;
    use serde_json::json;

    use super::*;

    fn rendered(problem: &Problem) -> serde_json::Value {
        serde_json::to_value(problem.document("/events", "abc")).expect("JSON")
    }

    #[test]
    fn a_problem_lists_the_violations() {
        let mut violations = Violations::one("title", "is required");
        violations.add("endDate", "must be after startDate");
        assert_eq!(
            rendered(&violations.into()),
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
    fn a_problem_lists_fifty_violations_and_counts_the_others() {
        let mut violations = Violations::default();
        for _ in 0..53 {
            violations.add("x", "is not a known field");
        }
        let document = rendered(&violations.into());
        assert_eq!(document["errors"].as_array().map(Vec::len), Some(50));
        assert_eq!(document["errorsOmitted"], 3);
    }

    #[test]
    fn a_problem_does_not_contain_its_cause() {
        let problem = Problem::from(ServiceError::internal("password authentication failed"));
        assert!(!rendered(&problem).to_string().contains("password"));
        assert_eq!(rendered(&problem)["status"], 500);
    }

    #[test]
    fn a_status_sets_the_headers_that_it_requires() {
        let headers = |problem: Problem| problem.into_response().headers().clone();
        let of = |code| Problem::from(ServiceError::new(code, ""));
        assert_eq!(headers(of(ErrorCode::Unauthenticated))["www-authenticate"], "Bearer");
        assert_eq!(headers(of(ErrorCode::Unavailable))["retry-after"], "1");
        assert_eq!(headers(of(ErrorCode::Overloaded))["retry-after"], "1");
        assert_eq!(headers(HttpError::RateLimited { retry_after: 42 }.into())["retry-after"], "42");
        let throttled = |millis| Refusal::Throttled { retry_after: Duration::from_millis(millis) };
        assert_eq!(headers(throttled(41_001).into())["retry-after"], "42");
        assert_eq!(headers(throttled(0).into())["retry-after"], "1");
        assert_eq!(headers(HttpError::UnsupportedContentCoding.into())["accept-encoding"], "identity");
        assert!(headers(HttpError::UnsupportedMediaType.into()).is_empty());
        assert!(headers(of(ErrorCode::NotFound)).is_empty());
    }

    #[test]
    fn every_kind_of_problem_has_a_unique_type() {
        let codes = ErrorCode::ALL.iter().map(|code| Problem::from(ServiceError::new(*code, "")));
        let http_errors = [
            HttpError::InvalidHost(InvalidHost::Missing),
            HttpError::UnknownPath,
            HttpError::MethodNotAllowed,
            HttpError::PayloadTooLarge,
            HttpError::UriTooLong,
            HttpError::UnsupportedMediaType,
            HttpError::UnsupportedContentCoding,
            HttpError::RateLimited { retry_after: 1 },
            HttpError::Other(StatusCode::IM_A_TEAPOT),
        ];
        let problems: Vec<_> = codes.chain(http_errors.map(Problem::from)).collect();
        let types: std::collections::HashSet<_> =
            problems.iter().map(|problem| rendered(problem)["type"].to_string()).collect();
        assert_eq!(types.len(), problems.len());
    }
}
