//! The progress of a migration that takes long.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use sqlx::postgres::PgConnectOptions;

use crate::connect::connect;

/// How often progress is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// How often PostgreSQL is asked about an index build. Most migrations take less time.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The index that a session builds, what it does at the moment, and how far it is.
const INDEX_BUILD: &str = "
    select index_relid::regclass::text, phase, case
        when phase like 'waiting%' then null
        when phase like '%tuples%' then 100 * tuples_done / nullif(tuples_total, 0)
        else 100 * blocks_done / nullif(blocks_total, 0)
    end
    from pg_stat_progress_create_index where pid = $1 and index_relid <> 0";

/// Reports progress now and then.
pub(crate) struct Progress<'r> {
    report: &'r (dyn Fn(&str) + Sync),
    reported: Option<Instant>,
}

impl<'r> Progress<'r> {
    pub(crate) fn new(report: &'r (dyn Fn(&str) + Sync)) -> Self {
        Self { report, reported: None }
    }

    /// Reports the message, unless another one was reported a moment ago.
    pub(crate) fn report(&mut self, message: impl FnOnce() -> String) {
        if self.reported.is_none_or(|reported| reported.elapsed() >= REPORT_INTERVAL) {
            self.reported = Some(Instant::now());
            (self.report)(&message());
        }
    }

    /// Reports the index that the session with this process id builds. Ends when it is dropped. The reports are not worth
    /// a failure, so they end silently when the second connection that they need fails.
    pub(crate) async fn report_index_builds(
        &mut self,
        direct: &PgConnectOptions,
        session: i32,
    ) -> Infallible {
        let Err(error) = self.try_report_index_builds(direct, session).await;
        tracing::debug!(error = format!("{error:#}"), "The progress of index builds is not reported");
        std::future::pending().await
    }

    async fn try_report_index_builds(
        &mut self,
        direct: &PgConnectOptions,
        session: i32,
    ) -> anyhow::Result<Infallible> {
        tokio::time::sleep(POLL_INTERVAL).await;
        let mut connection = connect(direct).await?;
        loop {
            let build: Option<(String, String, Option<i64>)> =
                sqlx::query_as(INDEX_BUILD).bind(session).fetch_optional(&mut connection).await?;
            if let Some((index, phase, percent)) = build {
                let percent = percent.map_or_else(String::new, |percent| format!(", {percent} %"));
                self.report(|| format!("Building the index {index}: {phase}{percent}"));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}
