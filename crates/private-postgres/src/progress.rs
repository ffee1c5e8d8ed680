//! A line for the person who waits: to the log, or to stderr where nobody set up a log (a test run).

pub(crate) fn tell(message: &str) {
    if tracing::enabled!(tracing::Level::INFO) {
        tracing::info!("{message}");
    } else {
        eprintln!("{message}");
    }
}
