//! Logs: readable text on a terminal, one JSON object a line elsewhere, and a daily file on request.

use std::{io::IsTerminal, path::PathBuf, str::FromStr};

use serde_json::json;
use tracing::Subscriber;
use tracing_appender::{
    non_blocking::{NonBlocking, WorkerGuard},
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::config::Env;

/// Daily files kept; older ones are removed.
const KEPT_LOG_FILES: usize = 14;

/// Without the notices of PostgreSQL that every start would repeat ("already exists, skipping").
const DEFAULT_FILTER: &str = "info,sqlx::postgres::notice=warn";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for machines.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// What is logged, how and where to.
#[derive(Debug)]
pub struct TelemetryConfig {
    /// `LOG_FORMAT`: `text` or `json` (default: text on a terminal, JSON elsewhere).
    pub format: LogFormat,
    /// `RUST_LOG`, default `info`, without the notices of PostgreSQL.
    pub filter: EnvFilter,
    /// `LOG_DIR`: also writes `NAME.YYYY-MM-DD.log` there (default: no files).
    pub directory: Option<PathBuf>,
}

impl TelemetryConfig {
    /// Reads `LOG_FORMAT`, `RUST_LOG` and `LOG_DIR`.
    pub fn from_env(env: &mut Env) -> Self {
        let natural = if std::io::stdout().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        Self {
            format: env.parse("LOG_FORMAT", natural, "text or json"),
            filter: env.parse(
                "RUST_LOG",
                EnvFilter::new(DEFAULT_FILTER),
                "a filter such as info or events_service=debug",
            ),
            directory: env.get("LOG_DIR").map(PathBuf::from),
        }
    }
}

/// Keeps the log writers alive; dropped last, it writes out what is buffered.
#[must_use = "dropping it ends the log"]
pub struct TelemetryGuard {
    _writers: Vec<WorkerGuard>,
}

/// Starts logging for this process under the given name.
///
/// # Errors
/// When `LOG_DIR` cannot be written to.
pub fn init(process: &'static str, config: TelemetryConfig) -> anyhow::Result<TelemetryGuard> {
    let (stdout, stdout_guard) = tracing_appender::non_blocking(std::io::stdout());
    let mut writers = vec![stdout_guard];
    let file = match &config.directory {
        Some(directory) => {
            let (file, guard) = tracing_appender::non_blocking(daily_file(process, directory)?);
            writers.push(guard);
            Some(json_layer(process, file))
        }
        None => None,
    };
    let console = match config.format {
        LogFormat::Json => json_layer(process, stdout),
        LogFormat::Text => {
            let colours = std::io::stdout().is_terminal();
            fmt::layer().with_writer(stdout).with_ansi(colours).with_target(false).boxed()
        }
    };
    tracing_subscriber::registry().with(config.filter).with(console).with(file).try_init()?;
    // A panic is a line like any other, with the correlation ID of what panicked.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(location = panic.location().map(tracing::field::display), "A panic");
    }));
    Ok(TelemetryGuard { _writers: writers })
}

fn daily_file(process: &str, directory: &PathBuf) -> anyhow::Result<RollingFileAppender> {
    Ok(RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(process)
        .filename_suffix("log")
        .max_log_files(KEPT_LOG_FILES)
        .build(directory)?)
}

/// Fields of the event and of its spans stand side by side at the top, so that `correlation_id` is
/// found in the same place on every line.
fn json_layer<S>(process: &'static str, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let mut layer = json_subscriber::layer()
        .with_writer(writer)
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .flatten_span_list_on_top_level(true);
    layer.inner_layer_mut().add_static_field("process", json!(process));
    layer.boxed()
}
