//! Starts logging and tracing. Logs are text on a terminal and one JSON object per line elsewhere, and optionally
//! also go to daily files.

mod json;
mod text;

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

use self::{
    json::{JsonFields, JsonFormatter},
    text::PrintableFields,
};
use crate::{
    config::Env,
    traces::{self, TracesConfig, TracesGuard},
};

/// The number of daily log files. Older files are removed.
const MAX_LOG_FILES: usize = 14;

/// The number of lines that may wait for the writer. Further lines are lost. A full queue takes some 4 MB.
const MAX_QUEUED_LINES: usize = 8192;

/// How long lines are collected before they are written, and the size of the write buffer.
const BATCH_DELAY: Duration = Duration::from_millis(10);
const BATCH_BYTES: usize = 32 * 1024;

/// Hides the PostgreSQL notices that every start would repeat ("already exists, skipping").
const DEFAULT_FILTER: &str = "info,sqlx::postgres::notice=warn";

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable text.
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// The settings of logs and traces.
#[derive(Debug)]
pub struct TelemetryConfig {
    /// `LOG_FORMAT`: `text` or `json` (default: text on a terminal, JSON elsewhere).
    pub format: LogFormat,
    /// `RUST_LOG` (default `info`, without PostgreSQL notices).
    pub filter: EnvFilter,
    /// `LOG_DIR`: also writes `NAME.YYYY-MM-DD.log` there (default: no files).
    pub directory: Option<PathBuf>,
    /// The `OTEL_*` variables.
    pub traces: TracesConfig,
}

impl TelemetryConfig {
    /// Reads `LOG_FORMAT`, `RUST_LOG`, `LOG_DIR` and the `OTEL_*` variables.
    pub fn from_env(env: &mut Env) -> Self {
        let default_format = if io::stdout().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        Self {
            format: env.parse("LOG_FORMAT", default_format, "text or json"),
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

/// Keeps the log writers and the traces running. When dropped, it writes the buffered lines and spans.
#[must_use = "dropping it ends logging"]
pub struct TelemetryGuard {
    // Fields are dropped in this order, because ending the traces may still log something.
    _traces: TracesGuard,
    _writers: Vec<WorkerGuard>,
}

/// Starts logging for this process under the given name, and tracing if a collector is configured.
///
/// # Errors
/// When `LOG_DIR` cannot be written to.
///
/// # Panics
/// Panics if it is called outside of a Tokio runtime.
pub fn init(process: &'static str, config: TelemetryConfig) -> anyhow::Result<TelemetryGuard> {
    let (stdout, stdout_guard) = spawn_writer(io::stdout());
    let mut writers = vec![stdout_guard];
    let file = match &config.directory {
        Some(directory) => {
            let (file, guard) = spawn_writer(daily_file(process, directory)?);
            writers.push(guard);
            Some(json_layer(process, file))
        }
        None => None,
    };
    let console = match config.format {
        LogFormat::Json => json_layer(process, stdout),
        LogFormat::Text => {
            let has_colors = io::stdout().is_terminal();
            fmt::layer()
                .fmt_fields(PrintableFields)
                .with_writer(stdout)
                .with_ansi(has_colors)
                .with_target(false)
                .boxed()
        }
    };
    tracing_subscriber::registry().with(config.filter).with(console).with(file).try_init()?;
    // Logs a panic like any other event, with the correlation ID of the request.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(location = panic.location().map(tracing::field::display), "Panic");
    }));
    Ok(TelemetryGuard { _traces: traces::init(process, &config.traces)?, _writers: writers })
}

fn daily_file(process: &str, directory: &PathBuf) -> anyhow::Result<RollingFileAppender> {
    Ok(RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(process)
        .filename_suffix("log")
        .max_log_files(MAX_LOG_FILES)
        .build(directory)?)
}

fn json_layer<S>(process: &'static str, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = fmt::layer().fmt_fields(JsonFields).event_format(JsonFormatter { process });
    layer.with_writer(writer).boxed()
}

/// Starts a thread that writes lines to `output`, so that no request waits for a slow disk or pipe.
fn spawn_writer(output: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    let writer = BatchWriter(BufWriter::with_capacity(BATCH_BYTES, output));
    NonBlockingBuilder::default().buffered_lines_limit(MAX_QUEUED_LINES).finish(writer)
}

/// Collects lines for [`BATCH_DELAY`], so that a busy process wakes its writer a hundred times a second instead of
/// for every line.
struct BatchWriter<W: io::Write>(BufWriter<W>);

impl<W: io::Write> io::Write for BatchWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Called by the writer thread when its queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(BATCH_DELAY);
        Ok(())
    }
}

#[cfg(test)]
mod testing {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{
        fmt::{FormatEvent, FormatFields, Layer},
        layer::SubscriberExt,
        registry::Registry,
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `log` logs through the layer.
    pub(super) fn logged<F, E>(layer: Layer<Registry, F, E>, log: impl FnOnce()) -> String
    where
        F: for<'writer> FormatFields<'writer> + Send + Sync + 'static,
        E: FormatEvent<Registry, F> + Send + Sync + 'static,
    {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = layer.with_ansi(false).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let written = lines.0.lock().expect("no panic").clone();
        String::from_utf8(written).expect("UTF-8")
    }
}
