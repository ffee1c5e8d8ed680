//! Progress messages.

use crate::output;

/// Logs the message, or prints it to stderr if no log is set up, because stdout is reserved for a command's result.
pub(crate) fn report(message: &str) {
    if tracing::enabled!(tracing::Level::INFO) {
        tracing::info!("{message}");
    } else {
        output::notice(message);
    }
}
