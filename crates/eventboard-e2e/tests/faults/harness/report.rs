//! The row of figures of a scenario.

use std::{collections::BTreeMap, time::Duration};

use super::Cluster;
use eventboard_e2e::{load::Tally, report::publish};

const HEAD: &str = "| scenario | requests | failed | of which | longest gap ms | retries | ejections | notes |\n\
                    |---|---|---|---|---|---|---|---|\n";

/// What a scenario measured.
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
            by_name(tally.failures.iter().map(|failure| failure.name())),
            millis(tally.longest_gap()),
            cluster.retries(),
            cluster.ejections(),
        );
        Self { scenario, figures, notes: String::new() }
    }

    /// A row of a scenario that counts for itself.
    pub(crate) fn of_figures(scenario: &'static str, figures: String) -> Self {
        Self { scenario, figures, notes: String::new() }
    }

    pub(crate) fn note(mut self, what: &str, value: impl std::fmt::Display) -> Self {
        let separator = if self.notes.is_empty() { "" } else { ", " };
        self.notes += &format!("{separator}{what} {value}");
        self
    }

    /// Prints the row, and appends it to `target/fault-suite.md`.
    pub(crate) fn publish(self) {
        let row = format!("| {} | {} | {} |\n", self.scenario, self.figures, self.notes);
        publish(env!("CARGO_TARGET_TMPDIR"), "fault-suite.md", HEAD, &row);
    }
}

pub(crate) fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}

fn by_name(names: impl Iterator<Item = String>) -> String {
    let mut counts = BTreeMap::<_, u32>::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts.iter().map(|(name, count)| format!("{count} × {name}")).collect::<Vec<_>>().join(", ")
}
