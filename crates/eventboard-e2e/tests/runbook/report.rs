//! Prints a line for each row.

use std::{panic::AssertUnwindSafe, process::ExitCode, time::Instant};

use futures::FutureExt;

/// The rows so far.
pub(crate) struct Report {
    /// If set, only rows whose names contain this text run.
    only: Option<String>,
    passed: usize,
    failed: Vec<String>,
}

impl Report {
    pub(crate) fn new(only: Option<String>) -> Self {
        Self { only, passed: 0, failed: Vec::new() }
    }

    /// Whether all rows run, because none were selected by name.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_none()
    }

    /// Runs a row, if it is selected, and prints its figures. A row fails if its check panics. The other rows still
    /// run.
    pub(crate) async fn row(&mut self, name: &str, check: impl Future<Output = String>) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        let began = Instant::now();
        let outcome = AssertUnwindSafe(check).catch_unwind().await;
        let seconds = began.elapsed().as_secs_f64();
        match outcome {
            Ok(figures) => {
                self.passed += 1;
                println!(
                    "ok      {seconds:6.1} s  {name}{}{figures}",
                    if figures.is_empty() { "" } else { ": " }
                );
            }
            Err(_) => {
                println!("FAILED  {seconds:6.1} s  {name}");
                self.failed.push(name.to_owned());
            }
        }
    }

    /// Prints the number of rows that passed and failed.
    pub(crate) fn finish(self) -> ExitCode {
        self.failed.iter().for_each(|name| println!("failed: {name}"));
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
