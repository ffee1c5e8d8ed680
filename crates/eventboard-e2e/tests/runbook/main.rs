//! RUNBOOK.md against containers that were really built and started: every block of it that is marked runnable, and what the
//! operators of the former system expect of each command. A line is printed for each row.
//!
//! Needs a Docker engine, `docker-compose` (1.29 or v2) and free ports; takes what Debian has as PostgreSQL, unless
//! `POSTGRES_VERSION` says otherwise. Run with `cargo test -p eventboard-e2e --test runbook`; a word after `--` runs only the rows
//! that have it in their names, on the stack as it stands.
#![expect(clippy::unwrap_used, reason = "a row that meets something else has failed")]

mod backup;
mod development;
mod document;
mod execution;
mod faults;
mod installation;
mod production;
mod report;
mod shell;

use std::process::ExitCode;

use self::{installation::Installation, report::Report};

#[tokio::main]
async fn main() -> ExitCode {
    let mut report = Report::new(std::env::args().skip(1).find(|argument| !argument.starts_with('-')));
    let installation = Installation::unpack().await;
    if report.is_whole() {
        installation.remove_everything().await;
    }

    development::rows(&mut report, &installation).await;
    faults::rows(&mut report, &installation).await;
    backup::rows(&mut report, &installation).await;
    execution::development_rows(&mut report, &installation).await;
    production::rows(&mut report, &installation).await;

    if report.is_whole() {
        installation.remove_everything().await;
    }
    report.finish()
}
