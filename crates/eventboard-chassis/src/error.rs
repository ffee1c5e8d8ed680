//! The one closed table of what can go wrong between a caller and a service.
//!
//! A [`ServiceError`] keeps apart what the caller is told (a code, a message, the faults of the
//! input) and the cause, which goes to the log only. Over gRPC it travels as the standard error
//! details `ErrorInfo` and `BadRequest` (AIP-193), so that the gateway gets the same value back.

use std::{any::Any, borrow::Cow, error::Error as StdError, fmt};

use eventboard_domain::{Fault, Faults, Refusal};
use http::StatusCode;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Names the system in `ErrorInfo`.
const DOMAIN: &str = "eventboard";

macro_rules! error_codes {
    ($($(#[$meta:meta])* $code:ident = $name:literal, $grpc:ident, $http:ident;)+) => {
        /// Every kind of failure, with its name on the wire, its gRPC code and its HTTP status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$meta])* $code,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The name on the wire.
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
    /// The input breaks a rule; the faults say which.
    InvalidInput = "INVALID_INPUT", InvalidArgument, BAD_REQUEST;
    /// No token, or one that is not accepted.
    Unauthenticated = "UNAUTHENTICATED", Unauthenticated, UNAUTHORIZED;
    /// The caller sees the thing but may not do this to it.
    Forbidden = "FORBIDDEN", PermissionDenied, FORBIDDEN;
    /// There is no such thing, or none that the caller may see.
    NotFound = "NOT_FOUND", NotFound, NOT_FOUND;
    /// The answer was not there when the deadline passed; the outcome is open.
    DeadlineExceeded = "DEADLINE_EXCEEDED", DeadlineExceeded, REQUEST_TIMEOUT;
    /// A unique name or address is taken.
    AlreadyExists = "ALREADY_EXISTS", AlreadyExists, CONFLICT;
    /// The event's status does not allow the transition.
    WrongStatus = "WRONG_STATUS", FailedPrecondition, CONFLICT;
    /// `If-Match` names another version.
    StaleVersion = "STALE_VERSION", Aborted, PRECONDITION_FAILED;
    /// The idempotency key belongs to another request.
    KeyReused = "KEY_REUSED", InvalidArgument, UNPROCESSABLE_ENTITY;
    /// Work was refused because there is too much of it. Not retried by the gateway.
    Overloaded = "OVERLOADED", ResourceExhausted, SERVICE_UNAVAILABLE;
    /// Something that is needed cannot be reached now. Retried by the gateway.
    Unavailable = "UNAVAILABLE", Unavailable, SERVICE_UNAVAILABLE;
    /// A defect.
    Internal = "INTERNAL", Internal, INTERNAL_SERVER_ERROR;
}

impl ErrorCode {
    /// The code for a status that carries no name of ours: one that the gRPC library made.
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

/// A failure with what the caller is told and what only the log is told.
#[derive(Debug)]
pub struct ServiceError {
    code: ErrorCode,
    message: Cow<'static, str>,
    faults: Faults,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl ServiceError {
    /// A failure with a message for the caller.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), faults: Faults::default(), cause: None }
    }

    /// The input breaks rules.
    pub fn invalid(faults: Faults) -> Self {
        Refusal::Invalid(faults).into()
    }

    /// No acceptable token.
    pub fn unauthenticated() -> Self {
        Self::new(ErrorCode::Unauthenticated, "A valid bearer token is required.")
    }

    /// A defect; the cause goes to the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal, "Something went wrong on our side.").caused_by(cause)
    }

    /// A defect that showed as a panic; its text goes to the log.
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

    /// What kind of failure it is.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What the caller is told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The faults of the input.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Writes the cause to the log. Call it once, where the failure leaves the service.
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
        if !self.faults.is_empty() {
            write!(f, " ({})", self.faults)?;
        }
        Ok(())
    }
}

impl StdError for ServiceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<Faults> for ServiceError {
    fn from(faults: Faults) -> Self {
        Self::invalid(faults)
    }
}

impl From<&Refusal> for ErrorCode {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Invalid(_) => Self::InvalidInput,
            Refusal::EventUnknown | Refusal::OrganizationUnknown => Self::NotFound,
            Refusal::EventForbidden(_) | Refusal::OrganizationClosed => Self::Forbidden,
            Refusal::EventStale => Self::StaleVersion,
            Refusal::WrongStatus { status: _, allowed: _, transition: _ } => Self::WrongStatus,
            Refusal::KeyReused => Self::KeyReused,
            Refusal::EmailTaken | Refusal::OrganizationTaken { name: _ } => Self::AlreadyExists,
            Refusal::WrongCredentials | Refusal::TokenOutdated => Self::Unauthenticated,
        }
    }
}

impl From<Refusal> for ServiceError {
    fn from(refusal: Refusal) -> Self {
        let refused = Self::new(ErrorCode::from(&refusal), refusal.message());
        let faults = if let Refusal::Invalid(faults) = refusal { faults } else { Faults::default() };
        Self { faults, ..refused }
    }
}

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        error.log();
        let mut details = ErrorDetails::new();
        details.set_error_info(error.code.as_str(), DOMAIN, [] as [(String, String); 0]);
        for fault in error.faults.iter() {
            details.add_bad_request_violation(&fault.field, &fault.message);
        }
        Self::with_error_details(error.code.grpc(), error.message, details)
    }
}

impl From<Status> for ServiceError {
    /// What a service answered. A message that the gRPC library made is kept for the log only.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let named = details
            .error_info()
            .filter(|info| info.domain == DOMAIN)
            .and_then(|info| ErrorCode::from_name(&info.reason));
        let Some(code) = named else {
            let code = ErrorCode::from_grpc(status.code());
            return Self::new(code, default_message(code)).caused_by(status);
        };
        let faults = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
        let faults = faults.map(|violation| Fault {
            field: violation.field.clone(),
            message: violation.description.clone(),
        });
        Self { code, message: status.message().to_owned().into(), faults: faults.collect(), cause: None }
    }
}

fn default_message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::DeadlineExceeded => {
            "The request took too long; its outcome is open. Repeat it with the same Idempotency-Key."
        }
        ErrorCode::Unavailable => "The service cannot be reached right now. Try again shortly.",
        ErrorCode::Overloaded => "Too much is going on right now. Try again shortly.",
        ErrorCode::Unauthenticated => "A valid bearer token is required.",
        ErrorCode::Internal => "Something went wrong on our side.",
        _ => "The request was refused.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_way_over_grpc() {
        for code in ErrorCode::ALL {
            let status =
                Status::from(ServiceError::new(*code, "said to the caller").caused_by("secret cause"));
            assert_eq!(status.code(), code.grpc());
            assert!(!format!("{status:?}").contains("secret cause"));
            let back = ServiceError::from(status);
            assert_eq!((back.code(), back.message()), (*code, "said to the caller"));
        }
    }

    #[test]
    fn faults_survive_the_way_over_grpc() {
        let mut faults = Faults::one("title", "is required");
        faults.add("endDate", "must be after startDate");
        let back = ServiceError::from(Status::from(ServiceError::invalid(faults.clone())));
        assert_eq!(back.faults(), &faults);
    }

    #[test]
    fn a_refusal_gets_its_code_and_keeps_its_words_and_faults() {
        let refused = ServiceError::from(Refusal::OrganizationClosed);
        assert_eq!(refused.code(), ErrorCode::Forbidden);
        assert_eq!(refused.message(), "This organization does not allow open signup.");
        let faults = Faults::one("endDate", "must be after startDate");
        let refused = ServiceError::from(Refusal::Invalid(faults.clone()));
        assert_eq!((refused.code(), refused.faults()), (ErrorCode::InvalidInput, &faults));
    }

    #[test]
    fn a_status_of_the_library_does_not_leak_its_text() {
        let back = ServiceError::from(Status::unavailable("tcp connect error 10.0.0.7:3002"));
        assert_eq!(back.code(), ErrorCode::Unavailable);
        assert!(!back.message().contains("10.0.0.7"));
    }

    #[test]
    fn a_timeout_of_the_library_is_a_passed_deadline() {
        assert_eq!(
            ServiceError::from(Status::cancelled("Timeout expired")).code(),
            ErrorCode::DeadlineExceeded
        );
    }
}
