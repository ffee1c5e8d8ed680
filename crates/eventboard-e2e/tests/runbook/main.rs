//! Runs the runbook on real containers: every block that is marked `run`, and the commands of the runbook of the former
//! system. Prints a line for each row.
//!
//! Blocks run in this order: those of RUNBOOK.md, then those of the pages that its section "Pages" lists, in the order
//! of the list. Blocks for production run last, in the same order, except that "First start" comes first.
//!
//! Needs a Docker engine, `docker-compose` (1.29 or v2) and free ports. Uses PostgreSQL 15, the version of Debian 12,
//! unless `POSTGRES_VERSION` is set. Run it with `cargo test -p eventboard-e2e --test runbook`. With a word after `--`,
//! it runs only the rows whose names contain the word, on the stack that is running. With `BINARIES_IMAGE`, the name of an
//! image, the Dockerfile takes the binaries from there and compiles nothing.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a row fails by panicking")]

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
