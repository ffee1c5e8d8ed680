//! Statements by name: how long each took, and how it failed; each is a span of the request's trace.

use std::{future::Future, sync::LazyLock, time::Instant};

use eventboard_chassis::{metrics::Histograms, observed::observe_end, traces::Span};
use sqlx::Error;

/// Durations of this process's statements, by name and outcome.
static DURATIONS: LazyLock<Histograms<Outcome>> = LazyLock::new(|| {
    Histograms::new(|summary, outcome: Outcome| {
        metrics::histogram!(
            "db_client_operation_duration_seconds",
            "db_query_summary" => summary.to_owned(),
            "error_type" => outcome.error_type(),
        )
    })
});

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Outcome {
    Done,
    /// The server refused it: the SQLSTATE.
    Refused([u8; 5]),
    /// The connection broke.
    Broken,
    /// Nobody waited for it any more.
    Cancelled,
    /// The answer was not what was asked for, which is a defect.
    Other,
}

impl Outcome {
    fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(Error::Database(database)) => {
                let state = database.code().and_then(|state| state.as_bytes().try_into().ok());
                state.map_or(Self::Other, Self::Refused)
            }
            Err(Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed) => Self::Broken,
            Err(_) => Self::Other,
        }
    }

    fn error_type(self) -> String {
        match self {
            Self::Done => String::new(),
            Self::Refused(state) => String::from_utf8_lossy(&state).into_owned(),
            Self::Broken => "connection".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Other => "_OTHER".to_owned(),
        }
    }
}

/// A statement that is measured and traced under a name.
pub trait Named<T>: Future<Output = Result<T, Error>> + Sized {
    /// The same, measured and traced. The name says what it does to what (`db.query.summary` of OpenTelemetry's semantic
    /// conventions), and never anything that a caller sent.
    fn named(self, summary: &'static str) -> impl Future<Output = Result<T, Error>> {
        async move {
            let (started, span) = (Instant::now(), span_of(summary));
            let end = observe_end(|outcome| record(summary, started, &span, outcome));
            let result = self.await;
            end.finish(Outcome::of(&result));
            result
        }
    }
}

impl<T, F: Future<Output = Result<T, Error>>> Named<T> for F {}

/// The span of a statement.
fn span_of(summary: &'static str) -> Span {
    let span = Span::client(summary);
    span.set("db.system.name", || "postgresql");
    span.set("db.query.summary", || summary);
    span
}

/// Counts a statement: as cancelled when it has no outcome, because nobody waits for it any more.
fn record(summary: &'static str, started: Instant, span: &Span, outcome: Option<Outcome>) {
    let outcome = outcome.unwrap_or(Outcome::Cancelled);
    DURATIONS.record(summary, outcome, started.elapsed());
    if matches!(outcome, Outcome::Refused(_)) {
        span.set("db.response.status_code", || outcome.error_type());
    }
    if outcome != Outcome::Done {
        span.fail(|| outcome.error_type());
    }
}
