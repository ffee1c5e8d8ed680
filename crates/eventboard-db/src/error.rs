//! Maps database errors to service errors.

use eventboard_chassis::error::{ErrorCode, ServiceError};
use sqlx::Error;

/// Returns whether the error is temporary, which means that the database is unavailable or shutting down.
pub(crate) fn is_unavailable(error: &Error) -> bool {
    code_of(error) == ErrorCode::Unavailable
}

/// Converts a database error that the call site does not handle itself.
pub fn db_error(error: Error) -> ServiceError {
    let code = code_of(&error);
    let message = match code {
        ErrorCode::Unavailable => "The database cannot be reached right now. Try again shortly.",
        ErrorCode::Overloaded => "The database is busy right now. Try again shortly.",
        ErrorCode::DeadlineExceeded => return ServiceError::deadline_exceeded().caused_by(error),
        _ => return ServiceError::internal(error),
    };
    ServiceError::new(code, message).caused_by(error)
}

fn code_of(error: &Error) -> ErrorCode {
    match error {
        // A call has a permit before it opens a connection, so a timeout means that no connection can be opened.
        Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_) => ErrorCode::Unavailable,
        Error::Database(database) => {
            database.code().map_or(ErrorCode::Internal, |state| code_of_sqlstate(&state))
        }
        _ => ErrorCode::Internal,
    }
}

/// Maps a SQLSTATE to an error code (PostgreSQL documentation, appendix A).
fn code_of_sqlstate(state: &str) -> ErrorCode {
    match state {
        // query_canceled: the statement timeout.
        "57014" => ErrorCode::DeadlineExceeded,
        // Insufficient resources, such as too_many_connections. An immediate retry would increase the load.
        "53300" | "53200" | "53100" => ErrorCode::Overloaded,
        // The transaction was rolled back because of a concurrent transaction: serialization failure, deadlock.
        "40001" | "40P01" => ErrorCode::Unavailable,
        // The session was ended by idle_in_transaction_session_timeout, or the server is shutting down, has crashed,
        // is starting, or became read-only in a failover.
        "25P03" | "57P01" | "57P02" | "57P03" | "57P05" | "25006" => ErrorCode::Unavailable,
        // Connection exceptions, and failed connection attempts while an operator renames a database or changes a
        // password.
        "57P04" | "3D000" => ErrorCode::Unavailable,
        state if state.starts_with("08") || state.starts_with("28") => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    }
}

/// Maps a constraint violation to a service error.
pub trait OnConstraint<T> {
    /// Returns `to_error()` when the constraint `name` was violated, and [`db_error`] for every other error.
    ///
    /// # Errors
    /// Returns the mapped error.
    fn on_constraint(
        self,
        names: &[&str],
        to_error: impl FnOnce() -> ServiceError,
    ) -> Result<T, ServiceError>;
}

impl<T> OnConstraint<T> for Result<T, Error> {
    fn on_constraint(
        self,
        names: &[&str],
        to_error: impl FnOnce() -> ServiceError,
    ) -> Result<T, ServiceError> {
        self.map_err(|error| {
            let violated = error.as_database_error().and_then(|database| database.constraint());
            if violated.is_some_and(|violated| names.contains(&violated)) {
                to_error().caused_by(error)
            } else {
                db_error(error)
            }
        })
    }
}
