//! Errors on the HTTP level, which occur before a service is called.

use eventboard_chassis::server::InvalidHost;
use http::StatusCode;

/// The maximum length of a request body, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// The maximum length of a path with its query, in bytes. RFC 9110, section 4.1, recommends at least this limit.
pub(crate) const URI_LIMIT: usize = 8000;

/// An error on the HTTP level, for which the services have no error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpError {
    /// The request does not name one host.
    InvalidHost(InvalidHost),
    /// No route has this path.
    UnknownPath,
    /// The route does not support this method.
    MethodNotAllowed,
    /// The body is longer than the limit.
    PayloadTooLarge,
    /// The path with its query is longer than the limit.
    UriTooLong,
    /// The `Content-Type` of the body is not JSON.
    UnsupportedMediaType,
    /// The `Content-Encoding` of the body is not `identity`.
    UnsupportedContentCoding,
    /// The client has exceeded its rate limit.
    RateLimited {
        /// Seconds until the window ends.
        retry_after: u64,
    },
    /// Another error status, set by a library.
    Other(StatusCode),
}

impl HttpError {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidHost(_) => StatusCode::BAD_REQUEST,
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType | Self::UnsupportedContentCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Other(status) => status,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InvalidHost(_) => "invalid-host",
            Self::UnknownPath => "unknown-path",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UriTooLong => "uri-too-long",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::UnsupportedContentCoding => "unsupported-content-coding",
            Self::RateLimited { .. } => "rate-limited",
            Self::Other(_) => "http",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::InvalidHost(_) => "Invalid host",
            Self::UnknownPath => "Unknown path",
            Self::MethodNotAllowed => "Method not allowed",
            Self::PayloadTooLarge => "Body too large",
            Self::UriTooLong => "URI Too Long",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::UnsupportedContentCoding => "Unsupported content coding",
            Self::RateLimited { .. } => "Too many requests",
            Self::Other(status) => status.canonical_reason().unwrap_or("HTTP error"),
        }
    }

    pub(super) fn detail(self) -> String {
        match self {
            Self::InvalidHost(invalid) => invalid.to_string(),
            Self::UnknownPath => "No endpoint exists at this path.".into(),
            Self::MethodNotAllowed => {
                "This path does not support the method. The Allow header lists the supported methods.".into()
            }
            Self::PayloadTooLarge => format!("The request body must not exceed {BODY_LIMIT} bytes."),
            Self::UriTooLong => format!("The path with its query must not exceed {URI_LIMIT} bytes."),
            Self::UnsupportedMediaType => {
                "The request body must be JSON, with Content-Type: application/json.".into()
            }
            Self::UnsupportedContentCoding => {
                "The request body must not be compressed or encoded in another way.".into()
            }
            Self::RateLimited { retry_after } => {
                format!("The rate limit is exceeded. Try again in {retry_after} s.")
            }
            Self::Other(_) => "The request was rejected.".into(),
        }
    }
}
