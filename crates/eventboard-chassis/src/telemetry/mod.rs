//! Logs: readable text on a terminal, one JSON object a line elsewhere, and a daily file on request; and the beginning of
//! the traces.

mod json;

use std::{
    io::{self, BufWriter, IsTerminal},
    path::PathBuf,
    str::FromStr,
    thread,
    time::Duration,
};

use tracing::Subscriber;
use tracing_appender::{
    non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard},
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use self::json::{JsonLine, Members};
use crate::{
    config::Env,
    traces::{self, TracesConfig, TracesGuard},
};

/// Daily files kept; older ones are removed.
const KEPT_LOG_FILES: usize = 14;

/// Lines that may wait for their writer; the rest is lost. Some 4 MB when all of them wait.
const WAITING_LINES: usize = 8192;

/// How long lines gather before they are written, and the bytes that are written at once.
const BATCH_PAUSE: Duration = Duration::from_millis(10);
const BATCH_BYTES: usize = 32 * 1024;

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
    /// The `OTEL_*` variables.
    pub traces: TracesConfig,
}

impl TelemetryConfig {
    /// Reads `LOG_FORMAT`, `RUST_LOG`, `LOG_DIR` and the `OTEL_*` variables.
    pub fn from_env(env: &mut Env) -> Self {
        let natural = if io::stdout().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        Self {
            format: env.parse("LOG_FORMAT", natural, "text or json"),
            filter: env.parse(
                "RUST_LOG",
                EnvFilter::new(DEFAULT_FILTER),
                "a filter such as info or events_service=debug",
            ),
            directory: env.get("LOG_DIR").map(PathBuf::from),
            traces: TracesConfig::from_env(env),
        }
    }
}

/// Keeps the log writers and the traces alive; dropped last, it writes out what is buffered.
#[must_use = "dropping it ends the log"]
pub struct TelemetryGuard {
    // In this order: the end of the traces may have something to say.
    _traces: TracesGuard,
    _writers: Vec<WorkerGuard>,
}

/// Starts logging for this process under the given name, and its traces if they have somewhere to go.
///
/// # Errors
/// When `LOG_DIR` cannot be written to.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn init(process: &'static str, config: TelemetryConfig) -> anyhow::Result<TelemetryGuard> {
    let (stdout, stdout_guard) = writer(io::stdout());
    let mut writers = vec![stdout_guard];
    let file = match &config.directory {
        Some(directory) => {
            let (file, guard) = writer(daily_file(process, directory)?);
            writers.push(guard);
            Some(json_layer(process, file))
        }
        None => None,
    };
    let console = match config.format {
        LogFormat::Json => json_layer(process, stdout),
        LogFormat::Text => {
            let colours = io::stdout().is_terminal();
            fmt::layer().with_writer(stdout).with_ansi(colours).with_target(false).boxed()
        }
    };
    tracing_subscriber::registry().with(config.filter).with(console).with(file).try_init()?;
    // A panic is a line like any other, with the correlation ID of what panicked.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(location = panic.location().map(tracing::field::display), "A panic");
    }));
    Ok(TelemetryGuard { _traces: traces::init(process, &config.traces)?, _writers: writers })
}

fn daily_file(process: &str, directory: &PathBuf) -> anyhow::Result<RollingFileAppender> {
    Ok(RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(process)
        .filename_suffix("log")
        .max_log_files(KEPT_LOG_FILES)
        .build(directory)?)
}

fn json_layer<S>(process: &'static str, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = fmt::layer().fmt_fields(Members).event_format(JsonLine { process });
    layer.with_writer(writer).boxed()
}

/// A thread that writes lines to `output`, so that no request waits for a slow disk or pipe.
fn writer(output: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    let batches = Batches(BufWriter::with_capacity(BATCH_BYTES, output));
    NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(batches)
}

/// Lets lines gather for a moment, so that a busy process wakes its writer a hundred times a second and not for every
/// line.
struct Batches<W: io::Write>(BufWriter<W>);

impl<W: io::Write> io::Write for Batches<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Called when no line waits any more.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(BATCH_PAUSE);
        Ok(())
    }
}
