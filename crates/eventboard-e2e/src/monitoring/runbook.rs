//! The Prometheus queries in the runbook.

use crate::{files::root, runbook::pages};

/// The expressions in the `ask '…'` lines on all pages.
pub fn runbook_queries() -> Vec<String> {
    let pages = pages(&root());
    let lines = pages.iter().flat_map(|page| page.text.lines());
    lines.filter_map(|line| line.strip_prefix("ask '")?.strip_suffix('\'')).map(str::to_owned).collect()
}
