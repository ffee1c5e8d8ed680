//! PostgreSQL's own log, a file in the data folder.

use std::fs;
use std::path::{Path, PathBuf};

/// As much as a person reads to see why a start failed.
const LAST_LINES: usize = 15;

pub(crate) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("server.log")
}

/// Keeps one earlier log, so that the file neither grows for ever nor mixes the lines of two starts.
pub(crate) fn rotate(data_dir: &Path) {
    let log = file(data_dir);
    // Without an earlier start there is nothing to rename.
    let _ = fs::rename(&log, log.with_extension("log.1"));
}

/// The last lines of the log, introduced by where it is.
pub(crate) fn tail(data_dir: &Path) -> String {
    let log = file(data_dir);
    let bytes = fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    format!("its log {} ends with:\n{}", log.display(), last.join("\n"))
}
