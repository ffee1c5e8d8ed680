//! The complete, fixed list of errors that a service can return to its caller.
//!
//! A [`ServiceError`] separates the caller's part (a code, a message, the invalid fields) from the internal cause,
//! which is only logged. Over gRPC the caller's part is sent as the standard error details `ErrorInfo`, `BadRequest` and
//! `RetryInfo` (AIP-193), so that the gateway can rebuild the same error.

use std::{any::Any, borrow::Cow, collections::HashMap, error::Error as StdError, fmt, time::Duration};

use eventboard_domain::{Refusal, Violation, Violations};
use http::StatusCode;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The value of `domain` in `ErrorInfo`.
const ERROR_INFO_DOMAIN: &str = "eventboard";

/// The member of `metadata` in `ErrorInfo` with the number of violations that `BadRequest` does not list.
const VIOLATIONS_OMITTED: &str = "violationsOmitted";

macro_rules! error_codes {
    ($($(#[$meta:meta])* $code:ident = $name:literal, $grpc:ident, $http:ident;)+) => {
        /// The kind of error, with its name in `ErrorInfo`, its gRPC code and its HTTP status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$meta])* $code,)+
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The name, as sent in `ErrorInfo`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }

            /// The gRPC status code.
            pub const fn grpc(self) -> Code {
                match self { $(Self::$code => Code::$grpc,)+ }
            }

            /// The HTTP status.
            pub const fn http(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$http,)+ }
            }
        }
    };
}

error_codes! {
    /// At least one input field is invalid.
    InvalidInput = "INVALID_INPUT", InvalidArgument, BAD_REQUEST;
    /// The token is missing or invalid.
    Unauthenticated = "UNAUTHENTICATED", Unauthenticated, UNAUTHORIZED;
    /// The caller may see the resource but may not perform this operation on it.
    Forbidden = "FORBIDDEN", PermissionDenied, FORBIDDEN;
    /// The resource does not exist, or the caller may not see it.
    NotFound = "NOT_FOUND", NotFound, NOT_FOUND;
    /// The deadline passed before the response. The outcome is unknown.
    DeadlineExceeded = "DEADLINE_EXCEEDED", DeadlineExceeded, REQUEST_TIMEOUT;
    /// A unique name or e-mail address is already in use.
    AlreadyExists = "ALREADY_EXISTS", AlreadyExists, CONFLICT;
    /// The event's status does not allow the transition.
    WrongStatus = "WRONG_STATUS", FailedPrecondition, CONFLICT;
    /// Nobody could administer the organization afterwards.
    LastAdmin = "LAST_ADMIN", FailedPrecondition, CONFLICT;
    /// The organization would exceed one of its quotas.
    QuotaExceeded = "QUOTA_EXCEEDED", FailedPrecondition, CONFLICT;
    /// `If-Match` does not match the current version.
    StaleVersion = "STALE_VERSION", Aborted, PRECONDITION_FAILED;
    /// The idempotency key was used for a different request.
    KeyReused = "KEY_REUSED", InvalidArgument, UNPROCESSABLE_ENTITY;
    /// The header fields of the request exceed a limit.
    HeadersTooLarge = "HEADERS_TOO_LARGE", InvalidArgument, REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// The caller tried this too often.
    Throttled = "THROTTLED", ResourceExhausted, TOO_MANY_REQUESTS;
    /// The service is overloaded. The gateway does not retry this.
    Overloaded = "OVERLOADED", ResourceExhausted, SERVICE_UNAVAILABLE;
    /// A dependency is unavailable. The gateway retries this.
    Unavailable = "UNAVAILABLE", Unavailable, SERVICE_UNAVAILABLE;
    /// A defect.
    Internal = "INTERNAL", Internal, INTERNAL_SERVER_ERROR;
}

impl ErrorCode {
    /// The code for a status that has no `ErrorInfo` of ours, because tonic created the status and not a service.
    fn from_grpc(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::OutOfRange => Self::InvalidInput,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Forbidden,
            Code::NotFound => Self::NotFound,
            // A timeout inside tonic surfaces as Cancelled.
            Code::DeadlineExceeded | Code::Cancelled => Self::DeadlineExceeded,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::WrongStatus,
            Code::Aborted => Self::StaleVersion,
            Code::ResourceExhausted => Self::Overloaded,
            Code::Unavailable => Self::Unavailable,
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
                Self::Internal
            }
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

/// An error with a message for the caller and an internal cause for the log.
#[derive(Debug)]
pub struct ServiceError {
    code: ErrorCode,
    message: Cow<'static, str>,
    violations: Violations,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl ServiceError {
    /// Creates an error with a message for the caller.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            violations: Violations::default(),
            retry_after: None,
            cause: None,
        }
    }

    /// At least one input field is invalid.
    pub fn invalid(violations: Violations) -> Self {
        Refusal::Invalid(violations).into()
    }

    /// The token is missing or invalid.
    pub fn unauthenticated() -> Self {
        Self::new(ErrorCode::Unauthenticated, default_message(ErrorCode::Unauthenticated))
    }

    /// The deadline of the request has passed.
    pub fn deadline_exceeded() -> Self {
        Self::new(ErrorCode::DeadlineExceeded, default_message(ErrorCode::DeadlineExceeded))
    }

    /// The header fields of the request are too large.
    pub fn headers_too_large() -> Self {
        Self::new(ErrorCode::HeadersTooLarge, default_message(ErrorCode::HeadersTooLarge))
    }

    /// A defect. The cause is only logged.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal, default_message(ErrorCode::Internal)).caused_by(cause)
    }

    /// A defect that caused a panic. The message of the panic is only logged.
    pub fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::internal(format!("panic: {}", text.unwrap_or("without a message")))
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The kind of the error.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The invalid input fields.
    pub fn violations(&self) -> &Violations {
        &self.violations
    }

    /// When the caller may try again, if the error says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Logs the error with its cause. Call it once, where the error leaves the service.
    pub fn log(&self) {
        let cause = self.cause.as_deref().map(tracing::field::display);
        match self.code {
            ErrorCode::Internal => tracing::error!(code = self.code.as_str(), cause, "{}", self.message),
            ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::DeadlineExceeded => {
                tracing::warn!(code = self.code.as_str(), cause, "{}", self.message);
            }
            _ => tracing::debug!(code = self.code.as_str(), cause, "{}", self.message),
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)?;
        if !self.violations.is_empty() {
            write!(f, " ({})", self.violations)?;
        }
        Ok(())
    }
}

impl StdError for ServiceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<Violations> for ServiceError {
    fn from(violations: Violations) -> Self {
        Self::invalid(violations)
    }
}

impl From<&Refusal> for ErrorCode {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Invalid(_) => Self::InvalidInput,
            Refusal::EventNotFound
            | Refusal::OrganizationNotFound
            | Refusal::SessionNotFound
            | Refusal::MemberNotFound
            | Refusal::InvitationNotFound => Self::NotFound,
            Refusal::EventForbidden(_)
            | Refusal::OrganizationClosed
            | Refusal::ModeratorRequired
            | Refusal::AdminRequired
            | Refusal::OwnAccount
            | Refusal::EmailNotVerified => Self::Forbidden,
            Refusal::StaleVersion | Refusal::PreconditionFailed { header: _ } => Self::StaleVersion,
            Refusal::WrongStatus { status: _, allowed: _, participle: _ } => Self::WrongStatus,
            Refusal::LastAdmin => Self::LastAdmin,
            Refusal::KeyReused => Self::KeyReused,
            Refusal::QuotaExceeded { quota: _, limit: _ } => Self::QuotaExceeded,
            Refusal::EmailTaken | Refusal::OrganizationNameTaken { name: _ } => Self::AlreadyExists,
            Refusal::WrongCredentials | Refusal::TokenOutdated | Refusal::RefreshTokenInvalid => {
                Self::Unauthenticated
            }
            Refusal::Throttled { retry_after: _ } => Self::Throttled,
        }
    }
}

impl From<Refusal> for ServiceError {
    fn from(refusal: Refusal) -> Self {
        let refused = Self::new(ErrorCode::from(&refusal), refusal.message());
        match refusal {
            Refusal::Invalid(violations) => Self { violations, ..refused },
            Refusal::Throttled { retry_after } => Self { retry_after: Some(retry_after), ..refused },
            _ => refused,
        }
    }
}

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        error.log();
        let mut details = ErrorDetails::new();
        let omitted = Some(error.violations.omitted()).filter(|omitted| *omitted > 0);
        let metadata: HashMap<_, _> =
            omitted.map(|omitted| (VIOLATIONS_OMITTED.to_owned(), omitted.to_string())).into_iter().collect();
        details.set_error_info(error.code.as_str(), ERROR_INFO_DOMAIN, metadata);
        for violation in error.violations.iter() {
            details.add_bad_request_violation(&violation.field, &violation.message);
        }
        if error.retry_after.is_some() {
            details.set_retry_info(error.retry_after);
        }
        Self::with_error_details(error.code.grpc(), error.message, details)
    }
}

impl From<Status> for ServiceError {
    /// Rebuilds the error that a service returned. If tonic itself created the status, only its code is mapped. Its
    /// text is logged and not sent to the client.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let own_code = details
            .error_info()
            .filter(|info| info.domain == ERROR_INFO_DOMAIN)
            .and_then(|info| ErrorCode::from_name(&info.reason));
        let Some(code) = own_code else {
            let code = ErrorCode::from_grpc(status.code());
            return Self::new(code, default_message(code)).caused_by(status);
        };
        Self {
            code,
            message: status.message().to_owned().into(),
            violations: violations_in(&details),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            cause: None,
        }
    }
}

fn violations_in(details: &ErrorDetails) -> Violations {
    let listed = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
    let listed = listed.map(|violation| Violation {
        field: violation.field.clone(),
        message: violation.description.clone(),
    });
    let mut violations: Violations = listed.collect();
    let omitted = details.error_info().and_then(|info| info.metadata.get(VIOLATIONS_OMITTED));
    violations.add_omitted(omitted.and_then(|omitted| omitted.parse().ok()).unwrap_or_default());
    violations
}

fn default_message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::DeadlineExceeded => {
            "The request timed out. A write may have taken effect; retry it with the same Idempotency-Key."
        }
        ErrorCode::Unavailable => "The service cannot be reached right now. Try again shortly.",
        ErrorCode::Overloaded => "The service is overloaded. Try again shortly.",
        ErrorCode::Unauthenticated => "A valid bearer token is required.",
        ErrorCode::HeadersTooLarge => "The header fields of the request are too large.",
        ErrorCode::Internal => "Something went wrong on our side.",
        _ => "The request was rejected.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_a_grpc_round_trip() {
        for code in ErrorCode::ALL {
            let status = Status::from(ServiceError::new(*code, "for the caller").caused_by("secret cause"));
            assert_eq!(status.code(), code.grpc());
            assert!(!format!("{status:?}").contains("secret cause"));
            let back = ServiceError::from(status);
            assert_eq!((back.code(), back.message()), (*code, "for the caller"));
        }
    }

    #[test]
    fn violations_survive_a_grpc_round_trip() {
        let mut violations = Violations::one("title", "is required");
        violations.add("endDate", "must be after startDate");
        let back = ServiceError::from(Status::from(ServiceError::invalid(violations.clone())));
        assert_eq!(back.violations(), &violations);
    }

    #[test]
    fn the_number_of_omitted_violations_survives_a_grpc_round_trip() {
        let mut violations = Violations::default();
        for _ in 0..70 {
            violations.add("title", "is required");
        }
        let back = ServiceError::from(Status::from(ServiceError::invalid(violations.clone())));
        assert_eq!((back.violations(), back.violations().omitted()), (&violations, 20));
    }

    #[test]
    fn the_time_of_the_next_try_survives_a_grpc_round_trip() {
        let retry_after = Duration::from_millis(61_500);
        let back = ServiceError::from(Status::from(ServiceError::from(Refusal::Throttled { retry_after })));
        assert_eq!((back.code(), back.retry_after()), (ErrorCode::Throttled, Some(retry_after)));
        assert_eq!(ServiceError::from(Status::from(ServiceError::unauthenticated())).retry_after(), None);
    }

    #[test]
    fn a_refusal_gets_its_code_and_keeps_its_message_and_violations() {
        let refused = ServiceError::from(Refusal::OrganizationClosed);
        assert_eq!(refused.code(), ErrorCode::Forbidden);
        assert_eq!(refused.message(), "This organization does not allow open signup.");
        let violations = Violations::one("endDate", "must be after startDate");
        let refused = ServiceError::from(Refusal::Invalid(violations.clone()));
        assert_eq!((refused.code(), refused.violations()), (ErrorCode::InvalidInput, &violations));
    }

    #[test]
    fn the_message_of_a_library_status_does_not_reach_the_caller() {
        let back = ServiceError::from(Status::unavailable("tcp connect error 10.0.0.7:3002"));
        assert_eq!(back.code(), ErrorCode::Unavailable);
        assert!(!back.message().contains("10.0.0.7"));
    }

    #[test]
    fn a_timeout_of_the_library_is_deadline_exceeded() {
        assert_eq!(
            ServiceError::from(Status::cancelled("Timeout expired")).code(),
            ErrorCode::DeadlineExceeded
        );
    }
}
