//! The result table.

use std::{collections::BTreeMap, time::Duration};

use super::Cluster;
use eventboard_e2e::{load::Tally, report::publish};

const TABLE_HEADER: &str = "| scenario | requests | failed | of which | longest gap ms | retries | ejections | notes |\n\
     |---|---|---|---|---|---|---|---|\n";

/// The results of a scenario: one row of the result table.
pub(crate) struct Row {
    scenario: &'static str,
    figures: String,
    notes: String,
}

impl Row {
    pub(crate) fn new(scenario: &'static str, tally: &Tally, cluster: &Cluster) -> Self {
        let figures = format!(
            "{} | {} | {} | {} | {} | {}",
            tally.requests(),
            tally.failures.len(),
            count_by_label(tally.failures.iter().map(|failure| failure.label())),
            millis(tally.longest_gap()),
            cluster.retries(),
            cluster.ejections(),
        );
        Self { scenario, figures, notes: String::new() }
    }

    /// A row with figures that the scenario formats itself.
    pub(crate) fn with_figures(scenario: &'static str, figures: String) -> Self {
        Self { scenario, figures, notes: String::new() }
    }

    pub(crate) fn note(mut self, what: &str, value: impl std::fmt::Display) -> Self {
        let separator = if self.notes.is_empty() { "" } else { ", " };
        self.notes += &format!("{separator}{what} {value}");
        self
    }

    /// Prints the row and appends it to `target/fault-suite.md`.
    pub(crate) fn publish(self) {
        let row = format!("| {} | {} | {} |\n", self.scenario, self.figures, self.notes);
        publish(env!("CARGO_TARGET_TMPDIR"), "fault-suite.md", TABLE_HEADER, &row);
    }
}

pub(crate) fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}

fn count_by_label(labels: impl Iterator<Item = String>) -> String {
    let mut counts = BTreeMap::<_, u32>::new();
    labels.for_each(|label| *counts.entry(label).or_default() += 1);
    counts.iter().map(|(label, count)| format!("{count} × {label}")).collect::<Vec<_>>().join(", ")
}
