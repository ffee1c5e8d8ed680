//! What goes wrong before any service is asked.

use http::StatusCode;

/// Longest body that is read, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// Failures of HTTP itself, which no service has a word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// No route has this path.
    UnknownPath,
    /// The route does not know this method.
    MethodNotAllowed,
    /// The body is longer than the limit.
    PayloadTooLarge,
    /// The body is not JSON by its `Content-Type`.
    UnsupportedMediaType,
    /// The client has used up its requests.
    RateLimited {
        /// Seconds until the window ends.
        retry_after: u64,
    },
    /// A status that a library chose.
    Other(StatusCode),
}

impl Edge {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Other(status) => status,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::UnknownPath => "unknown-path",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::RateLimited { .. } => "rate-limited",
            Self::Other(_) => "http",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::UnknownPath => "Unknown path",
            Self::MethodNotAllowed => "Method not allowed",
            Self::PayloadTooLarge => "Body too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::RateLimited { .. } => "Too many requests",
            Self::Other(status) => status.canonical_reason().unwrap_or("HTTP error"),
        }
    }

    pub(super) fn detail(self) -> String {
        match self {
            Self::UnknownPath => "There is nothing at this path.".into(),
            Self::MethodNotAllowed => {
                "This path does not know the method; Allow lists those it knows.".into()
            }
            Self::PayloadTooLarge => {
                format!("The body must be at most {BODY_LIMIT} bytes.")
            }
            Self::UnsupportedMediaType => "The body must be JSON: Content-Type: application/json.".into(),
            Self::RateLimited { retry_after } => {
                format!("The limit of requests is reached; it ends in {retry_after} seconds.")
            }
            Self::Other(_) => "The request was refused.".into(),
        }
    }
}
