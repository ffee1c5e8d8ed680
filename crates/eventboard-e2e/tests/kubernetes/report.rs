//! Runs the rows and prints a line for each.

use std::{panic::AssertUnwindSafe, process::ExitCode, time::Instant};

use eventboard_e2e::report::publish;
use futures::FutureExt;

use crate::cluster::Cluster;

const TABLE_HEADER: &str =
    "| fault | requests | failed | of which | longest gap ms | seconds |\n|---|---|---|---|---|---|\n";

/// The rows so far.
pub(crate) struct Report {
    is_short: bool,
    /// If set, only rows whose names contain this text run.
    only: Option<String>,
    passed: usize,
    failed: Vec<String>,
}

impl Report {
    pub(crate) fn from_arguments() -> Self {
        let is_short = std::env::args().any(|argument| argument == "--short");
        let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
        Self { is_short, only, passed: 0, failed: Vec::new() }
    }

    /// Whether only rows with a certain word run.
    pub(crate) fn is_selection(&self) -> bool {
        self.only.is_some()
    }

    /// Runs a row that belongs to both forms of the test.
    pub(crate) async fn row(&mut self, name: &str, check: impl Future<Output = String>) {
        // A row that fails may leave the cluster in a state in which every other row fails.
        if self.failed.is_empty() && self.only.as_ref().is_none_or(|only| name.contains(only.as_str())) {
            self.run(name, check).await;
        }
    }

    /// Runs a row that does not belong to the short form.
    pub(crate) async fn long_row(&mut self, name: &str, check: impl Future<Output = String>) {
        if !self.is_short {
            self.row(name, check).await;
        }
    }

    /// Runs a row and prints its figures. A row fails if its check panics. Then no other row runs.
    async fn run(&mut self, name: &str, check: impl Future<Output = String>) {
        let began = Instant::now();
        let outcome = AssertUnwindSafe(check).catch_unwind().await;
        let seconds = began.elapsed().as_secs_f64();
        if let Ok(figures) = outcome {
            self.passed += 1;
            println!(
                "ok      {seconds:6.1} s  {name}{}{figures}",
                if figures.is_empty() { "" } else { ": " }
            );
        } else {
            println!("FAILED  {seconds:6.1} s  {name}");
            self.failed.push(name.to_owned());
        }
    }

    /// Prints the table of faults and the number of rows that passed and failed.
    pub(crate) fn finish(self, cluster: &Cluster) -> ExitCode {
        publish(env!("CARGO_TARGET_TMPDIR"), "kubernetes.md", TABLE_HEADER, &cluster.measured());
        self.failed.iter().for_each(|name| println!("failed: {name}"));
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
