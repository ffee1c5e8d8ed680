//! Why a call got no answer.

use std::{fmt, net::SocketAddr};

use tonic::{Code, Status};
use tower::BoxError;

use super::chain_text;

/// A call that got no answer. A failed answer of a service is an answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// No connection was there to send it over: no service saw the call.
    NotConnected(&'static str),
    /// The connection broke: the replica may have done its work.
    Broken { replica: SocketAddr, cause: BoxError },
    /// The deadline passed.
    Deadline,
    /// The request could not be put together, or the answer was not acceptable.
    Malformed(BoxError),
}

impl CallError {
    /// What a service would have answered. The gRPC library would call most of these `UNKNOWN`, which reads as a defect.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Deadline => Code::DeadlineExceeded,
            Self::NotConnected(_) | Self::Broken { .. } => Code::Unavailable,
            Self::Malformed(_) => Code::Internal,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(reason) => write!(f, "no connection: {reason}"),
            Self::Broken { replica, cause } => {
                write!(f, "the connection to {replica} broke: {}", chain_text(&**cause))
            }
            Self::Deadline => write!(f, "the deadline of the call passed"),
            Self::Malformed(cause) => write!(f, "not a gRPC message: {}", chain_text(&**cause)),
        }
    }
}

impl std::error::Error for CallError {}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
