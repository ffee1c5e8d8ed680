//! Takes mails that are due, delivers them and records the outcome.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use eventboard_chassis::{
    account_key::AccountKeys, error::ServiceError, server::Deadline, shutdown::Shutdown,
};
use eventboard_domain::OutboxState;
use rand::RngExt;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tracing::Instrument;

use crate::{
    failure::{Failure, Permanence, Stage},
    message::Renderer,
    metrics::Deliveries,
    store::{LeasedRow, Record, Store},
    transport::Transport,
};

/// How often the worker asks for mails that are due. It varies, so that replicas do not ask at the same time.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A mail is leased for this many times the duration of a delivery. The second half is for recording the outcome.
const LEASE_FACTOR: u32 = 2;

/// The pause before an outcome is recorded again.
const RECORD_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The pause after the first failed attempt. It doubles with each further one, up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// After this attempt, a day has passed: seven pauses that double take about an hour, and 23 take an hour each.
const MAX_ATTEMPTS: i32 = 31;

/// A mail that the server may have taken already is sent at most so often.
const MAX_UNCERTAIN_ATTEMPTS: i32 = 3;

/// Delivers mails.
pub(crate) struct Worker {
    pub(crate) store: Store,
    pub(crate) renderer: Renderer,
    /// Names the addresses that mails go to.
    pub(crate) account_keys: AccountKeys,
    pub(crate) transport: Transport,
    pub(crate) deliveries: Deliveries,
    /// The time for one delivery.
    pub(crate) timeout: Duration,
    pub(crate) concurrency: NonZeroUsize,
}

/// How an attempt ended.
enum Attempt {
    Sent,
    /// There was nothing to tell any more.
    Skipped,
    Failed(Failure),
}

impl Worker {
    /// Delivers mails until the shutdown begins, and then until the deliveries in flight have ended.
    pub(crate) async fn run(self, shutdown: &Shutdown) {
        if !self.transport.is_configured() {
            tracing::warn!("Neither SMTP_URL nor MAIL_FOLDER is set: mails stay in the outbox");
            return shutdown.draining().await;
        }
        let worker = Arc::new(self);
        let mut in_flight = JoinSet::new();
        loop {
            while in_flight.try_join_next().is_some() {}
            let free = worker.concurrency.get() - in_flight.len();
            let started = worker.start_due(free, &mut in_flight).await;
            tokio::select! {
                () = shutdown.draining() => break,
                // All are busy, and more may be due.
                _ = in_flight.join_next(), if started == free => {}
                () = sleep(POLL_INTERVAL.mul_f64(jitter(0.25))), if started < free => {}
            }
        }
        while in_flight.join_next().await.is_some() {}
    }

    /// Starts up to `free` deliveries. Returns their number.
    async fn start_due(self: &Arc<Self>, free: usize, in_flight: &mut JoinSet<()>) -> usize {
        let leased_at = Instant::now();
        let rows = self.store.lease_due(free, self.timeout * LEASE_FACTOR).await;
        let rows = rows.unwrap_or_else(|error| {
            tracing::warn!(%error, "The outbox could not be read and will be retried");
            Vec::new()
        });
        let started = rows.len();
        for row in rows {
            let span = tracing::info_span!("mail", mail_id = %row.id, correlation_id = row.correlation_id);
            let worker = Arc::clone(self);
            in_flight.spawn(async move { worker.deliver(&row, leased_at).await }.instrument(span));
        }
        started
    }

    async fn deliver(&self, row: &LeasedRow, leased_at: Instant) {
        let deadline = leased_at + self.timeout;
        let attempt = self.attempt(row, deadline).await.unwrap_or_else(Attempt::Failed);
        self.record(row, &attempt, leased_at + self.timeout * LEASE_FACTOR).await;
    }

    async fn attempt(&self, row: &LeasedRow, deadline: Instant) -> Result<Attempt, Failure> {
        let unavailable = |_| Failure::temporary(Stage::Read, "the database did not answer in time");
        let failed = |error: ServiceError| Failure::temporary(Stage::Read, format!("{:?}", error.code()));
        if let Some(preparation) = row.missing_preparation() {
            let left = Deadline::after(deadline.saturating_duration_since(Instant::now()));
            let prepared = self.store.prepare(row, preparation, &self.account_keys, left);
            timeout_at(deadline, prepared).await.map_err(unavailable)?.map_err(failed)?;
        }
        let content = timeout_at(deadline, self.store.load_content(row)).await.map_err(unavailable)?;
        let Some(content) = content.map_err(failed)? else { return Ok(Attempt::Skipped) };
        let mail = self.renderer.render(&content)?;
        self.transport.deliver(&mail, deadline).await?;
        Ok(Attempt::Sent)
    }

    /// Records the outcome. If the database is down, tries again until the lease ends.
    async fn record(&self, row: &LeasedRow, attempt: &Attempt, lease_end: Instant) {
        let error = self.log(attempt, row.attempts);
        let (state, pause) = next_state(attempt, row.attempts);
        let record = Record { state, pause, error: error.as_deref() };
        let recording = async {
            loop {
                match self.store.record(row, record).await {
                    Ok(is_recorded) => return is_recorded,
                    Err(error) => tracing::debug!(%error, "The outcome could not be recorded"),
                }
                sleep(RECORD_RETRY_INTERVAL).await;
            }
        };
        if !timeout_at(lease_end, recording).await.unwrap_or(false) {
            tracing::warn!("The outcome could not be recorded in time, so the mail may be sent twice");
        }
    }

    /// Logs and counts an attempt. Returns the error to store.
    fn log(&self, attempt: &Attempt, attempts: i32) -> Option<String> {
        let failure = match attempt {
            Attempt::Sent => {
                tracing::info!(attempts, "Mail sent");
                self.deliveries.sent.increment(1);
                return None;
            }
            Attempt::Skipped => {
                tracing::info!(
                    "Mail not sent: its recipient or its event is gone, or it is not wanted any more"
                );
                self.deliveries.skipped.increment(1);
                return None;
            }
            Attempt::Failed(failure) => failure,
        };
        if is_last(failure, attempts) {
            tracing::warn!(%failure, attempts, "Mail not sent, and not tried again");
            self.deliveries.dead.increment(1);
        } else {
            tracing::info!(%failure, attempts, "Mail not sent, will be tried again");
            self.deliveries.retried.increment(1);
        }
        Some(failure.to_string())
    }
}

/// The state after an attempt, and the pause before the next one.
fn next_state(attempt: &Attempt, attempts: i32) -> (OutboxState, Duration) {
    match attempt {
        Attempt::Sent | Attempt::Skipped => (OutboxState::Done, Duration::ZERO),
        Attempt::Failed(failure) if is_last(failure, attempts) => (OutboxState::Dead, Duration::ZERO),
        Attempt::Failed(_) => (OutboxState::Due, pause_after(attempts).mul_f64(jitter(0.1))),
    }
}

fn is_last(failure: &Failure, attempts: i32) -> bool {
    match failure.permanence {
        Permanence::Permanent => true,
        Permanence::Temporary => attempts >= MAX_ATTEMPTS,
        Permanence::Uncertain => attempts >= MAX_UNCERTAIN_ATTEMPTS,
    }
}

/// The pause after this number of attempts, without the random part.
fn pause_after(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// The total length of the pauses after each number of attempts, in seconds, beginning with none.
pub(crate) fn total_pauses() -> Vec<f64> {
    let mut total = Duration::ZERO;
    let after = |attempts| {
        total += if attempts > 0 { pause_after(attempts) } else { Duration::ZERO };
        total.as_secs_f64()
    };
    (0..=MAX_ATTEMPTS).map(after).collect()
}

/// A random factor that differs from 1 by at most `spread`.
fn jitter(spread: f64) -> f64 {
    rand::rng().random_range(1.0 - spread..=1.0 + spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_failure_is_retried_for_a_day() {
        let total: Duration = (1..MAX_ATTEMPTS).map(pause_after).sum();
        let day = Duration::from_secs(24 * 60 * 60);
        assert!(total.abs_diff(day) < LONGEST_PAUSE, "{total:?}");
        let failed = Attempt::Failed(Failure::temporary(Stage::Connect, "x"));
        assert_eq!(next_state(&failed, MAX_ATTEMPTS - 1).0, OutboxState::Due);
        for attempts in [MAX_ATTEMPTS, MAX_ATTEMPTS + 1, i32::MAX] {
            assert_eq!(next_state(&failed, attempts).0, OutboxState::Dead);
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        assert_eq!(pause_after(1), Duration::from_secs(30));
        assert_eq!(pause_after(2), Duration::from_secs(60));
        assert_eq!(pause_after(7), Duration::from_secs(1920));
        assert_eq!(pause_after(8), LONGEST_PAUSE);
        assert_eq!(pause_after(i32::MAX), LONGEST_PAUSE);
        assert_eq!(pause_after(0), FIRST_PAUSE);
        assert_eq!(total_pauses()[..4], [0.0, 30.0, 90.0, 210.0]);
    }

    #[test]
    fn a_permanent_failure_is_not_retried() {
        let failed = Attempt::Failed(Failure::permanent(Stage::Recipient, "x"));
        assert_eq!(next_state(&failed, 1).0, OutboxState::Dead);
        assert_eq!(next_state(&Attempt::Sent, 1).0, OutboxState::Done);
        assert_eq!(next_state(&Attempt::Skipped, 1).0, OutboxState::Done);
    }
}
