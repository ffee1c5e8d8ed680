//! PostgreSQL's own log file in the data folder.

use std::fs;
use std::path::{Path, PathBuf};

/// The number of lines in an error message. It is enough to see why a start failed.
const LAST_LINES: usize = 15;

pub(crate) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("server.log")
}

/// Starts a new log and keeps one earlier log, so that the file does not grow forever and contains only one start.
pub(crate) fn rotate(data_dir: &Path) {
    let log = file(data_dir);
    // The result is ignored, because on the first start there is no file to rename.
    let _ = fs::rename(&log, log.with_extension("log.1"));
}

/// The path and the last lines of the log.
pub(crate) fn tail(data_dir: &Path) -> String {
    let log = file(data_dir);
    let bytes = fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    format!("its log {} ends with:\n{}", log.display(), last.join("\n"))
}
