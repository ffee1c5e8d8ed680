//! What RUNBOOK.md asks Prometheus.

use crate::files::text;

/// The expressions of its lines `ask '…'`.
pub fn questions() -> Vec<String> {
    let text = text("RUNBOOK.md");
    let questions = text.lines().filter_map(|line| line.strip_prefix("ask '")?.strip_suffix('\''));
    questions.map(str::to_owned).collect()
}
