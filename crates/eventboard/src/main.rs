//! The operator's binary: runs the whole system, and answers an operator's questions.

mod cli;
mod commands;
mod database;
mod dotenv;
mod output;
mod probe;
#[cfg(feature = "up")]
mod progress;
mod seed;
#[cfg(feature = "up")]
mod up;

use std::process::ExitCode;

use clap::Parser;
use eventboard_chassis::config::ConfigError;

use crate::cli::{Cli, Command};

/// As clap ends for a command line that it does not understand.
const BAD_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    match start(Cli::parse().into_command()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("eventboard: {error:#}");
            exit_code(&error)
        }
    }
}

fn start(command: Command) -> anyhow::Result<ExitCode> {
    // Before there is a second thread, because it changes the environment of the process.
    dotenv::load()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(run(command));
    // Whoever presses Ctrl-C twice does not want to wait for what still blocks a thread.
    runtime.shutdown_background();
    outcome
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        #[cfg(feature = "up")]
        Command::Up => return Box::pin(up::up()).await,
        Command::Migrate => commands::migrate().await?,
        Command::Seed { force } => commands::seed(force).await?,
        Command::Healthcheck { url } => commands::healthcheck(url).await?,
        Command::Idempotency(command) => commands::idempotency::run(command).await?,
        Command::Org(command) => commands::organization::run(command).await?,
        Command::User(command) => commands::user::run(command).await?,
        Command::Event(command) => commands::event::run(command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let is_configuration = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<ConfigError>() || cause.is::<dotenv::Malformed>()
    };
    if error.chain().any(is_configuration) { ExitCode::from(BAD_CONFIGURATION) } else { ExitCode::FAILURE }
}
