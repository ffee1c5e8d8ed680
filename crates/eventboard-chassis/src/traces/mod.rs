//! Distributed tracing: records the work of all services on a request as spans, and sends them to a collector (OTLP
//! over gRPC).
//!
//! Tracing is enabled when `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Otherwise a [`Span`] is empty and costs nothing, and
//! the `traceparent` of a caller is forwarded unchanged. Names and attributes follow OpenTelemetry's semantic
//! conventions.

mod config;
mod exporter;
mod headers;
mod sampler;

use std::{future::Future, sync::OnceLock, time::Duration};

use futures::future::Either;
use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue, Value,
    trace::{FutureExt, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider, WithContext},
};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider},
};

use uuid::Uuid;

pub use self::config::TracesConfig;
use self::{exporter::CollectorExporter, sampler::CollectorAwareSampler};
use crate::correlation;

/// The number of spans that may wait to be sent. Further spans are lost. A full queue takes some 8 MB.
const MAX_QUEUED_SPANS: usize = 4096;

/// The maximum size of a batch, and how long spans are collected for it.
const MAX_BATCH_SPANS: usize = 512;
const BATCH_DELAY: Duration = Duration::from_secs(1);

/// The time limit for sending the last spans when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Creates the spans. Unset while tracing is disabled.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Sends the last spans when it is dropped.
#[must_use = "dropping it ends tracing"]
pub struct TracesGuard(Option<SdkTracerProvider>);

impl Drop for TracesGuard {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            // The exporter has already logged that the collector is unavailable.
            let _ = provider.shutdown_with_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// Starts tracing for this process under the given name, if a collector is configured.
///
/// # Errors
/// When the endpoint is invalid.
///
/// # Panics
/// Panics if it is called outside of a Tokio runtime.
pub fn init(process: &'static str, config: &TracesConfig) -> anyhow::Result<TracesGuard> {
    let Some(endpoint) = &config.endpoint else { return Ok(TracesGuard(None)) };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_QUEUED_SPANS)
        .with_max_export_batch_size(MAX_BATCH_SPANS)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    let exporter = CollectorExporter::new(endpoint)?;
    let sampler = CollectorAwareSampler::new(config.sampling_ratio, exporter.is_unavailable());
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let resource = Resource::builder_empty()
        .with_service_name(process)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", Uuid::now_v7().to_string()))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    TRACER.get_or_init(|| provider.tracer("eventboard"));
    Ok(TracesGuard(Some(provider)))
}

/// A span. It ends when it is dropped, even when the work is cancelled.
pub struct Span(Option<Context>);

impl Span {
    /// Starts the span of an incoming request. It continues the trace in the headers, if there is one.
    pub fn server(name: &str, headers: &HeaderMap) -> Self {
        Self::start(name, SpanKind::Server, |tracer, builder| {
            builder.start_with_context(tracer, &headers::extract(headers))
        })
    }

    /// Returns an empty span, for work that is not traced.
    pub fn none() -> Self {
        Self(None)
    }

    /// Starts the span of an outgoing request, as a child of the current span. The span is empty when there is no
    /// current span.
    pub fn client(name: &str) -> Self {
        Self::child(name, SpanKind::Client)
    }

    /// Starts the span of work in this process, as a child of the current span. The span is empty when there is no
    /// current span.
    pub fn internal(name: &str) -> Self {
        Self::child(name, SpanKind::Internal)
    }

    fn child(name: &str, kind: SpanKind) -> Self {
        if TRACER.get().is_none() || !Context::map_current(Context::has_active_span) {
            return Self::none();
        }
        Self::start(name, kind, |tracer, builder| builder.start(tracer))
    }

    fn start(
        name: &str,
        kind: SpanKind,
        start: impl FnOnce(&SdkTracer, SpanBuilder) -> opentelemetry_sdk::trace::Span,
    ) -> Self {
        Self(TRACER.get().map(|tracer| {
            let builder = tracer.span_builder(name.to_owned()).with_kind(kind);
            Context::current_with_span(start(tracer, builder))
        }))
    }

    /// The ID of the trace, for the log.
    pub fn trace_id(&self) -> Option<String> {
        let context = self.0.as_ref()?;
        Some(context.span().span_context().trace_id().to_string())
    }

    /// Changes the name.
    pub fn rename(&self, name: impl FnOnce() -> String) {
        if let Some(context) = &self.0 {
            context.span().update_name(name());
        }
    }

    /// Sets an attribute.
    pub fn set<V: Into<Value>>(&self, attribute: &'static str, value: impl FnOnce() -> V) {
        if let Some(context) = self.0.as_ref().filter(|context| context.span().is_recording()) {
            context.span().set_attribute(KeyValue::new(attribute, value()));
        }
    }

    /// Marks the span as failed, with a value for the attribute `error.type`.
    pub fn fail(&self, error_type: impl FnOnce() -> String) {
        self.set("error.type", error_type);
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(""));
        }
    }

    /// Adds the trace context to the headers of an outgoing request.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Some(context) = &self.0 {
            headers::inject(context, headers);
        }
    }

    /// Wraps a future, so that this is the current span while the future runs.
    pub fn wrap<F: Future>(&self, future: F) -> Either<WithContext<F>, F> {
        match &self.0 {
            Some(context) => Either::Left(future.with_context(context.clone())),
            None => Either::Right(future),
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

/// The trace ID of a request, for the log. It comes from the span, or from the headers while tracing is disabled.
pub fn trace_id(span: &Span, headers: &HeaderMap) -> Option<String> {
    span.trace_id().or_else(|| {
        let traceparent = correlation::traceparent(headers)?;
        traceparent.to_str().ok()?.split('-').nth(1).map(str::to_owned)
    })
}
