//! Traces: what one request did in all services, as spans that are sent to a collector (OTLP over gRPC).
//!
//! They are on when `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Where they are off a [`Span`] is nothing and costs nothing, and
//! the `traceparent` of a caller is passed on as it came. Names and attributes are those of OpenTelemetry's semantic
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
use self::sampler::WhileTaken;
use crate::correlation;

/// Spans that wait to be sent; what is more is lost. Some 8 MB when all of them wait.
const WAITING_SPANS: usize = 4096;

/// Spans that are sent at once, and how long they gather.
const BATCH_SPANS: usize = 512;
const BATCH_PAUSE: Duration = Duration::from_secs(1);

/// How long the end of a process waits for its last spans to be taken.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Where spans are made; unset where traces are off.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Sends the last spans when it is dropped.
#[must_use = "dropping it ends the traces"]
pub struct TracesGuard(Option<SdkTracerProvider>);

impl Drop for TracesGuard {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            // A failure was told when it began.
            let _ = provider.shutdown_with_timeout(FLUSH_WITHIN);
        }
    }
}

/// Begins to collect the spans of this process under the given name, if it is told where to send them.
///
/// # Errors
/// When the endpoint is no address.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn init(process: &'static str, config: &TracesConfig) -> anyhow::Result<TracesGuard> {
    let Some(endpoint) = &config.endpoint else { return Ok(TracesGuard(None)) };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(WAITING_SPANS)
        .with_max_export_batch_size(BATCH_SPANS)
        .with_scheduled_delay(BATCH_PAUSE)
        .build();
    let exporter = exporter::to(endpoint)?;
    let sampler = WhileTaken::new(config.share, exporter.is_away());
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

/// A part of the work on a request. It ends when it is dropped: also when its caller hangs up.
pub struct Span(Option<Context>);

impl Span {
    /// A request that came in with these headers.
    pub fn server(name: &str, headers: &HeaderMap) -> Self {
        Self::start(name, SpanKind::Server, |tracer, builder| {
            builder.start_with_context(tracer, &headers::caller(headers))
        })
    }

    /// What is not worth a span.
    pub fn none() -> Self {
        Self(None)
    }

    /// A request that goes out, as a part of what is going on; nothing where no request is worked on.
    pub fn client(name: &str) -> Self {
        Self::part(name, SpanKind::Client)
    }

    /// Work in this process, as a part of what is going on; nothing where no request is worked on.
    pub fn internal(name: &str) -> Self {
        Self::part(name, SpanKind::Internal)
    }

    fn part(name: &str, kind: SpanKind) -> Self {
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

    /// The name of the trace, for the log.
    pub fn trace_id(&self) -> Option<String> {
        let context = self.0.as_ref()?;
        Some(context.span().span_context().trace_id().to_string())
    }

    /// Names the span better than when it began.
    pub fn rename(&self, name: impl FnOnce() -> String) {
        if let Some(context) = &self.0 {
            context.span().update_name(name());
        }
    }

    /// Adds an attribute.
    pub fn set<V: Into<Value>>(&self, attribute: &'static str, value: impl FnOnce() -> V) {
        if let Some(context) = self.0.as_ref().filter(|context| context.span().is_recording()) {
            context.span().set_attribute(KeyValue::new(attribute, value()));
        }
    }

    /// Marks the span as failed, by a word for the kind of failure.
    pub fn fail(&self, error_type: impl FnOnce() -> String) {
        self.set("error.type", error_type);
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(""));
        }
    }

    /// Tells the service that these headers go to which trace it belongs to.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Some(context) = &self.0 {
            headers::inject(context, headers);
        }
    }

    /// Does the work as a part of this span.
    pub fn around<F: Future>(&self, work: F) -> Either<WithContext<F>, F> {
        match &self.0 {
            Some(context) => Either::Left(work.with_context(context.clone())),
            None => Either::Right(work),
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

/// The trace that a request belongs to, for the log: of its span, or as the caller said where traces are off.
pub fn trace_id(span: &Span, headers: &HeaderMap) -> Option<String> {
    span.trace_id().or_else(|| {
        let traceparent = correlation::traceparent(headers)?;
        traceparent.to_str().ok()?.split('-').nth(1).map(str::to_owned)
    })
}
