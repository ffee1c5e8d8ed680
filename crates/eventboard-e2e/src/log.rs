//! What a process has logged.

use std::{fs, process::Stdio, sync::Arc};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::waiting::until_some;

/// The log of a process so far, one JSON object a line. It is a file, which costs a busy process and the test
/// nothing until somebody looks into it.
#[derive(Clone)]
pub struct Log(Arc<NamedTempFile>);

impl Log {
    pub(crate) fn create() -> Self {
        Self(Arc::new(NamedTempFile::with_prefix("eventboard-log-").unwrap()))
    }

    /// Where a process writes to.
    pub(crate) fn output(&self) -> Stdio {
        self.0.reopen().unwrap().into()
    }

    /// All of it as text, without a line that is still being written.
    pub fn text(&self) -> String {
        let mut text = fs::read_to_string(self.0.path()).unwrap();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// The number of lines with this text in them, without parsing them.
    pub fn count(&self, text: &str) -> usize {
        self.text().lines().filter(|line| line.contains(text)).count()
    }

    /// All lines that satisfy the test.
    pub fn find(&self, test: impl Fn(&Value) -> bool) -> Vec<Value> {
        let parsed =
            |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not a JSON object: {line}"));
        self.text().lines().map(parsed).filter(|line| test(line)).collect()
    }

    /// The first line that satisfies the test, as soon as it is there.
    pub async fn wait_for(&self, what: &str, test: impl Fn(&Value) -> bool) -> Value {
        until_some(what, async || self.find(&test).into_iter().next()).await
    }

    /// The first line about this request that has the word in its message, as soon as it is there.
    pub async fn wait_for_word(&self, correlation_id: &str, word: &str) -> Value {
        let is_it = |line: &Value| {
            line["correlation_id"] == correlation_id
                && line["message"].as_str().is_some_and(|text| text.contains(word))
        };
        self.wait_for(&format!("a line about {correlation_id} with {word}"), is_it).await
    }
}
