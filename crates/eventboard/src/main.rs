//! The command-line tool for operators: runs the whole system locally and manages an installation.
#![warn(clippy::print_stdout, clippy::print_stderr)] // see `output`

mod cli;
mod commands;
mod database;
mod dotenv;
mod http_get;
mod output;
#[cfg(feature = "up")]
mod progress;
mod seed;
#[cfg(feature = "up")]
mod up;

use std::process::ExitCode;

use clap::Parser;
use eventboard_chassis::config::ConfigError;

use crate::cli::{Cli, Command};

/// The exit code that clap uses for an invalid command line.
const INVALID_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => start(cli.into_command()),
        Err(usage) => output::usage(&usage),
    };
    outcome.unwrap_or_else(|error| {
        output::notice(&format!("eventboard: {error:#}"));
        exit_code(&error)
    })
}

fn start(command: Command) -> anyhow::Result<ExitCode> {
    dotenv::load()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(run(command));
    // After a second Ctrl-C the process must exit without waiting for blocked threads.
    runtime.shutdown_background();
    outcome
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        #[cfg(feature = "up")]
        Command::Up => return Box::pin(up::up()).await,
        Command::Migrate => commands::migrate().await?,
        Command::Seed(args) => commands::seed(&args).await?,
        Command::Healthcheck { url } => commands::healthcheck(url).await?,
        Command::Idempotency(command) => commands::idempotency::run(command).await?,
        Command::Org(command) => commands::organization::run(command).await?,
        Command::User(command) => commands::user::run(command).await?,
        Command::Event(command) => commands::event::run(command).await?,
        Command::Audit(args) => commands::audit::run(args).await?,
        Command::Outbox(command) => commands::outbox::run(command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let is_configuration_error = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<ConfigError>() || cause.is::<dotenv::DotenvError>()
    };
    if error.chain().any(is_configuration_error) {
        ExitCode::from(INVALID_CONFIGURATION)
    } else {
        ExitCode::FAILURE
    }
}
