//! What a failure in the database means to a caller.

use eventboard_chassis::error::{ErrorCode, ServiceError};
use sqlx::Error;

/// Whether the database is away or leaving, so that waiting helps.
pub(crate) fn is_unavailable(error: &Error) -> bool {
    code_of(error) == ErrorCode::Unavailable
}

/// The meaning of a database error that no call site has given another one.
pub fn db_error(error: Error) -> ServiceError {
    let code = code_of(&error);
    let message = match code {
        ErrorCode::Unavailable => "The database cannot be reached right now. Try again shortly.",
        ErrorCode::Overloaded => "The database is busy right now. Try again shortly.",
        ErrorCode::DeadlineExceeded => "The request took too long; its outcome is open.",
        _ => return ServiceError::internal(error),
    };
    ServiceError::new(code, message).caused_by(error)
}

fn code_of(error: &Error) -> ErrorCode {
    match error {
        // The pool is entered only with room in it, so a timeout there means that no connection
        // can be made.
        Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_) => ErrorCode::Unavailable,
        Error::Database(database) => database.code().map_or(ErrorCode::Internal, |state| by_sqlstate(&state)),
        _ => ErrorCode::Internal,
    }
}

/// SQLSTATEs: PostgreSQL documentation, appendix A.
fn by_sqlstate(state: &str) -> ErrorCode {
    match state {
        // query_canceled: the statement timeout.
        "57014" => ErrorCode::DeadlineExceeded,
        // too_many_connections and its kin; trying again at once would make it worse.
        "53300" | "53200" | "53100" => ErrorCode::Overloaded,
        // Rolled back through no fault of its own: serialization failure, deadlock.
        "40001" | "40P01" => ErrorCode::Unavailable,
        // The session was ended: idle_in_transaction_session_timeout, or the server is leaving,
        // has crashed, is starting, or became read-only in a failover.
        "25P03" | "57P01" | "57P02" | "57P03" | "57P05" | "25006" => ErrorCode::Unavailable,
        // Connection exceptions; and refusals at connecting, while an operator renames a database or
        // changes a password.
        "57P04" | "3D000" => ErrorCode::Unavailable,
        state if state.starts_with("08") || state.starts_with("28") => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    }
}

/// Gives the violation of a named constraint a meaning of its own.
pub trait OnConstraint<T> {
    /// `meaning` when the named constraint was violated, else [`db_error`].
    ///
    /// # Errors
    /// The error, translated.
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> ServiceError) -> Result<T, ServiceError>;
}

impl<T> OnConstraint<T> for Result<T, Error> {
    fn on_constraint(self, name: &str, meaning: impl FnOnce() -> ServiceError) -> Result<T, ServiceError> {
        self.map_err(|error| {
            let violated = error.as_database_error().and_then(|database| database.constraint());
            if violated == Some(name) { meaning().caused_by(error) } else { db_error(error) }
        })
    }
}
