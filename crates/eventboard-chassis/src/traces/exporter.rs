//! The span exporter, which logs when the collector becomes unavailable and when it recovers.

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

/// If the collector does not accept a batch within this time, it counts as unavailable.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends spans to the collector. Logs once when the collector becomes unavailable and once when it recovers.
#[derive(Debug)]
pub(super) struct CollectorExporter {
    exporter: opentelemetry_otlp::SpanExporter,
    endpoint: String,
    is_unavailable: Arc<AtomicBool>,
}

impl CollectorExporter {
    /// Creates an exporter to this endpoint. The collector may be unavailable at this time.
    pub(super) fn new(endpoint: &str) -> anyhow::Result<Self> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .with_context(|| format!("cannot create an exporter of traces to {endpoint}"))?;
        Ok(Self { exporter, endpoint: endpoint.to_owned(), is_unavailable: Arc::default() })
    }

    /// Returns a flag that is set while the collector is unavailable.
    pub(super) fn is_unavailable(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_unavailable)
    }
}

impl SpanExporter for CollectorExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let was_unavailable = self.is_unavailable.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !was_unavailable => {
                tracing::warn!(endpoint = self.endpoint, %error, "Traces are lost: the collector does not accept them");
            }
            Ok(()) if was_unavailable => {
                tracing::info!(endpoint = self.endpoint, "The collector accepts traces again");
            }
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
