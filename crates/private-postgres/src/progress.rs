//! Progress messages.

/// Logs the message, or prints it to stderr if no log is set up (as in a test run).
pub(crate) fn report(message: &str) {
    if tracing::enabled!(tracing::Level::INFO) {
        tracing::info!("{message}");
    } else {
        eprintln!("{message}");
    }
}
