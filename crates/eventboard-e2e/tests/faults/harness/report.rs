//! The result table.

use std::{fmt::Display, time::Duration};

use super::{Cluster, Figures, labels::count_by_label};
use eventboard_e2e::{load::Tally, report::publish};

const TABLE_HEADER: &str = "| scenario | requests | failed | of which | longest gap ms | retries | ejections | notes |\n\
     |---|---|---|---|---|---|---|---|\n";

/// The results of a scenario: one row of the result table.
pub(crate) struct Row {
    scenario: String,
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
        Self { scenario: scenario.to_owned(), figures, notes: String::new() }
    }

    /// A row with what the victim of an attack experienced. `situation` is `alone` or `under attack`.
    pub(crate) fn of_victim(scenario: &str, situation: &str, victim: &Figures, cluster: &Cluster) -> Self {
        let figures = format!(
            "{} | {} | {} | {} | {} | {}",
            victim.requests(),
            victim.failures().count(),
            count_by_label(victim.failures()),
            millis(victim.longest_gap()),
            cluster.retries(),
            cluster.ejections(),
        );
        let percentile = |share| format!("{} ms", millis(victim.percentile(share)));
        Self { scenario: format!("{scenario}: victim {situation}"), figures, notes: String::new() }
            .note("p50", percentile(0.5))
            .note("p99", percentile(0.99))
    }

    /// A row with figures that the scenario formats itself.
    pub(crate) fn with_figures(scenario: &'static str, figures: String) -> Self {
        Self { scenario: scenario.to_owned(), figures, notes: String::new() }
    }

    pub(crate) fn note(mut self, what: &str, value: impl Display) -> Self {
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
