//! The reasons why a call gets no response.

use std::{error::Error as StdError, fmt, net::SocketAddr};

use eventboard_chassis::error::{ErrorCode, ServiceError};
use tonic::{Code, Status};
use tower::BoxError;

/// A call that got no response. A response with an error status is a response.
#[derive(Debug)]
pub(crate) enum CallError {
    /// There was no connection to send the call over. No replica received it.
    NotConnected(&'static str),
    /// The replica did not accept the call and certainly did not perform it.
    Refused { replica: SocketAddr, cause: BoxError },
    /// The connection was lost. The replica may have performed the call.
    ConnectionLost { replica: SocketAddr, cause: BoxError },
    /// The replicas do not accept a header list of this size, so the call was not sent.
    HeadersTooLarge { bytes: usize },
    /// The deadline passed.
    DeadlineExceeded,
    /// The request could not be built, or the response is invalid.
    Malformed(BoxError),
}

impl CallError {
    /// The gRPC code for the caller. Tonic would use `UNKNOWN` for most of these, which looks like a defect.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::NotConnected(_) | Self::Refused { .. } | Self::ConnectionLost { .. } => Code::Unavailable,
            Self::HeadersTooLarge { .. } => ErrorCode::HeadersTooLarge.grpc(),
            Self::Malformed(_) => Code::Internal,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(reason) => write!(f, "no replica available: {reason}"),
            Self::Refused { replica, cause } => {
                write!(f, "call refused by {replica}: {}", chain_text(&**cause))
            }
            Self::ConnectionLost { replica, cause } => {
                write!(f, "connection to {replica} lost: {}", chain_text(&**cause))
            }
            Self::HeadersTooLarge { bytes } => write!(f, "the header list has {bytes} bytes"),
            Self::DeadlineExceeded => write!(f, "the deadline of the call passed"),
            Self::Malformed(cause) => write!(f, "invalid gRPC message: {}", chain_text(&**cause)),
        }
    }
}

impl StdError for CallError {}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        match error {
            CallError::HeadersTooLarge { .. } => {
                ServiceError::headers_too_large().caused_by(error.to_string()).into()
            }
            _ => Self::new(error.code(), error.to_string()),
        }
    }
}

/// Formats an error with all its causes, for the log.
pub fn chain_text(error: &(dyn StdError + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
