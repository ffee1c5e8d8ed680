//! Deletes what was sent long ago, and observes what waits.

use std::{convert::Infallible, time::Duration};

use eventboard_chassis::error::ServiceError;

use crate::{metrics::OutboxGauges, store::Store, worker::total_pauses};

/// How often rows are deleted.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How often rows are counted for the metrics.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);

/// Deletes old rows. If this process sends mails, also counts what waits: an operator who wants no mails needs no alert.
/// Never returns.
pub(crate) async fn run(store: &Store, retention: Duration, sends: bool) -> Infallible {
    // Without a server, they stay 0.
    let gauges = OutboxGauges::new();
    if sends {
        tokio::join!(sweep(store, retention, sends), observe(store, &gauges)).0
    } else {
        sweep(store, retention, sends).await
    }
}

async fn sweep(store: &Store, retention: Duration, sends: bool) -> Infallible {
    loop {
        match sweep_all(store, retention, sends).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "Outbox: old mails deleted"),
            Err(error) => {
                tracing::warn!(%error, "Outbox: old mails could not be deleted and will be retried");
            }
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

async fn sweep_all(store: &Store, retention: Duration, sends: bool) -> Result<u64, ServiceError> {
    while store.sweep_requested_mails().await? > 0 {}
    let mut swept = 0;
    loop {
        match store.sweep_batch(retention, sends).await? {
            0 => return Ok(swept),
            batch => swept += batch,
        }
    }
}

/// Sets the gauges. While the database is down, they keep their values.
async fn observe(store: &Store, gauges: &OutboxGauges) -> Infallible {
    let pauses = total_pauses();
    loop {
        match store.totals(&pauses).await {
            Ok(totals) => gauges.set(totals),
            Err(error) => tracing::debug!(%error, "The outbox could not be counted"),
        }
        tokio::time::sleep(COUNT_INTERVAL).await;
    }
}
