//! Progress for the person who waits.

/// Tells it as a line of the log, or on stderr where there is no log: a command's stdout is for what
/// was asked for.
pub(crate) fn tell(message: &str) {
    if tracing::enabled!(tracing::Level::INFO) {
        tracing::info!("{message}");
    } else {
        eprintln!("{message}");
    }
}
