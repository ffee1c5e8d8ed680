//! Statements by name: how long each took, and how it failed; each is a span of the request's trace.

use std::{future::Future, sync::LazyLock, time::Instant};

use eventboard_chassis::{metrics::Histograms, traces::Span};
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
    /// The connection broke, or the answer could not be read.
    Broken,
}

impl Outcome {
    fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(Error::Database(database)) => {
                let state = database.code().and_then(|state| state.as_bytes().try_into().ok());
                state.map_or(Self::Broken, Self::Refused)
            }
            Err(_) => Self::Broken,
        }
    }

    fn error_type(self) -> String {
        match self {
            Self::Done => String::new(),
            Self::Refused(state) => String::from_utf8_lossy(&state).into_owned(),
            Self::Broken => "connection".to_owned(),
        }
    }
}

/// A statement that is measured and traced under a name.
pub trait Named<T>: Future<Output = Result<T, Error>> + Sized {
    /// The same, measured and traced. The name is a verb and its table (`db.query.summary` of OpenTelemetry's semantic
    /// conventions), and never anything that a caller sent.
    fn named(self, summary: &'static str) -> impl Future<Output = Result<T, Error>> {
        async move {
            let (started, span) = (Instant::now(), Span::client(summary));
            let result = self.await;
            let outcome = Outcome::of(&result);
            DURATIONS.record(summary, outcome, started.elapsed());
            span.set("db.system.name", || "postgresql");
            span.set("db.query.summary", || summary);
            if outcome != Outcome::Done {
                span.fail(|| outcome.error_type());
            }
            result
        }
    }
}

impl<T, F: Future<Output = Result<T, Error>>> Named<T> for F {}
