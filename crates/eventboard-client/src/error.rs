//! Why a call got no answer.

use std::{error::Error as StdError, fmt, net::SocketAddr};

use tonic::{Code, Status};
use tower::BoxError;

/// A call that got no answer. A failed answer of a service is an answer.
#[derive(Debug)]
pub(crate) enum CallError {
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
    pub(crate) fn code(&self) -> Code {
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

impl StdError for CallError {}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// An error with its causes, for the log.
pub fn chain_text(error: &(dyn StdError + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
