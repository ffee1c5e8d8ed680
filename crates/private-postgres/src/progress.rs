//! Progress messages.

use std::io::{self, Write};

/// Logs the message, or prints it to stderr if no log is set up (as in a test run).
pub(crate) fn report(message: &str) {
    if tracing::enabled!(tracing::Level::INFO) {
        tracing::info!("{message}");
    } else {
        // If stderr is closed, the message is lost.
        let _ = writeln!(io::stderr(), "{message}");
    }
}
