//! Runs the runbook on real containers: every code block that is marked `run`, and the commands from the runbook of
//! the former system. Each of these is a row. Prints one line for each row.
//!
//! The blocks of RUNBOOK.md run first, followed by the blocks of the pages listed in its section "Pages", in the
//! order of that list. Blocks for production run last, in the same order, except that "First start" comes first.
//!
//! Needs a Docker engine, `docker-compose` (1.29 or v2) and free ports. Uses PostgreSQL 15, the version of Debian 12,
//! unless `POSTGRES_VERSION` is set. `.ci/run runbook` provides all this. To run the test on your own Docker engine,
//! use `cargo test -p eventboard-e2e --test runbook`; this deletes all containers and volumes of EventBoard there. With
//! a word after `--`, the test runs only the rows whose names contain the word, on the stack that is running. If
//! `DOCKERFILE` is set to a path, that file replaces the project's Dockerfile.
#![expect(clippy::unwrap_used, reason = "a row fails by panicking")]

mod backup;
mod development;
mod document;
mod execution;
mod faults;
mod installation;
mod production;
mod report;

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
