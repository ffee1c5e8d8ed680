//! The log of a process.

use std::{fs, process::Stdio, sync::Arc};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::waiting::wait_for_some;

/// The log of a process, with one JSON object per line. The log is written to a file, so that it costs nothing until
/// it is read.
#[derive(Clone)]
pub struct Log(Arc<NamedTempFile>);

impl Log {
    pub(crate) fn create() -> Self {
        Self(Arc::new(NamedTempFile::with_prefix("eventboard-log-").unwrap()))
    }

    /// The file, for use as the stdout of a process.
    pub(crate) fn output(&self) -> Stdio {
        self.0.reopen().unwrap().into()
    }

    /// The complete log as text, without an unfinished last line.
    pub fn text(&self) -> String {
        let mut text = fs::read_to_string(self.0.path()).unwrap();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// The number of lines that contain this text. The lines are not parsed.
    pub fn count(&self, text: &str) -> usize {
        self.text().lines().filter(|line| line.contains(text)).count()
    }

    /// All lines that satisfy the predicate.
    pub fn find(&self, predicate: impl Fn(&Value) -> bool) -> Vec<Value> {
        let parsed =
            |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not a JSON object: {line}"));
        self.text().lines().map(parsed).filter(|line| predicate(line)).collect()
    }

    /// Waits for a line that satisfies the predicate, and returns the first one.
    pub async fn wait_for(&self, what: &str, predicate: impl Fn(&Value) -> bool) -> Value {
        wait_for_some(what, async || self.find(&predicate).into_iter().next()).await
    }

    /// Waits for a line with this correlation ID whose message contains the text, and returns the first one.
    pub async fn wait_for_message(&self, correlation_id: &str, text: &str) -> Value {
        let matches = |line: &Value| {
            line["correlation_id"] == correlation_id
                && line["message"].as_str().is_some_and(|message| message.contains(text))
        };
        self.wait_for(&format!("a log line of {correlation_id} with {text:?}"), matches).await
    }
}
