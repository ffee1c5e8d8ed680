//! The way to the collector.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// A collector that has not taken a batch in this time is not there.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends spans to the collector; says once when it is away, and once when it is back.
#[derive(Debug)]
pub(super) struct Told {
    exporter: opentelemetry_otlp::SpanExporter,
    endpoint: String,
    is_away: Arc<AtomicBool>,
}

/// An exporter to this address, which need not be there yet.
pub(super) fn to(endpoint: &str) -> anyhow::Result<Told> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .with_context(|| format!("traces cannot be sent to {endpoint}"))?;
    Ok(Told { exporter, endpoint: endpoint.to_owned(), is_away: Arc::default() })
}

impl Told {
    /// Whether the collector did not take the last batch.
    pub(super) fn is_away(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_away)
    }
}

impl SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.exporter.export(batch).await;
        let was_away = self.is_away.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !was_away => {
                tracing::warn!(endpoint = self.endpoint, %error, "Traces are lost: the collector does not take them");
            }
            Ok(()) if was_away => {
                tracing::info!(endpoint = self.endpoint, "The collector takes traces again");
            }
            _ => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
