//! Metrics and trace spans of SQL statements.

use std::{future::Future, sync::LazyLock, time::Instant};

use eventboard_chassis::{metrics::Histograms, outcome_guard::observe_outcome, traces::Span};
use sqlx::Error;

/// The durations of all statements of the process, by name and outcome.
static DURATIONS: LazyLock<Histograms<StatementOutcome>> = LazyLock::new(|| {
    Histograms::new(|summary, outcome: StatementOutcome| {
        metrics::histogram!(
            "db_client_operation_duration_seconds",
            "db_query_summary" => summary.to_owned(),
            "error_type" => outcome.error_type(),
        )
    })
});

/// The outcome of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum StatementOutcome {
    Succeeded,
    /// The server returned an error with this SQLSTATE.
    Failed([u8; 5]),
    /// The connection was lost.
    ConnectionLost,
    /// The caller stopped waiting.
    Cancelled,
    /// Any other error, such as an unexpected result. This is a defect.
    Other,
}

impl StatementOutcome {
    fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(Error::Database(database)) => {
                let state = database.code().and_then(|state| state.as_bytes().try_into().ok());
                state.map_or(Self::Other, Self::Failed)
            }
            Err(Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed) => {
                Self::ConnectionLost
            }
            Err(_) => Self::Other,
        }
    }

    fn error_type(self) -> String {
        match self {
            Self::Succeeded => String::new(),
            Self::Failed(state) => String::from_utf8_lossy(&state).into_owned(),
            Self::ConnectionLost => "connection".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Other => "_OTHER".to_owned(),
        }
    }
}

/// Adds metrics and a trace span to the execution of a statement.
pub trait InstrumentStatement<T>: Future<Output = Result<T, Error>> + Sized {
    /// Records the duration and the outcome of the statement under a name, in a metric and a trace span. The name
    /// consists of operation and target (`db.query.summary` of OpenTelemetry's semantic conventions). The name must
    /// not contain user input.
    fn instrumented(self, summary: &'static str) -> impl Future<Output = Result<T, Error>> {
        async move {
            let (started, span) = (Instant::now(), span_of(summary));
            let end = observe_outcome(|outcome| record(summary, started, &span, outcome));
            let result = self.await;
            end.finish(StatementOutcome::of(&result));
            result
        }
    }
}

impl<T, F: Future<Output = Result<T, Error>>> InstrumentStatement<T> for F {}

/// Creates the span of a statement.
fn span_of(summary: &'static str) -> Span {
    let span = Span::client(summary);
    span.set("db.system.name", || "postgresql");
    span.set("db.query.summary", || summary);
    span
}

/// Records a statement. `None` means that it was cancelled, because the caller stopped waiting.
fn record(summary: &'static str, started: Instant, span: &Span, outcome: Option<StatementOutcome>) {
    let outcome = outcome.unwrap_or(StatementOutcome::Cancelled);
    DURATIONS.record(summary, outcome, started.elapsed());
    if matches!(outcome, StatementOutcome::Failed(_)) {
        span.set("db.response.status_code", || outcome.error_type());
    }
    if outcome != StatementOutcome::Succeeded {
        span.fail(|| outcome.error_type());
    }
}
