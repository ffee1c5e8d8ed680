//! A trace collector that stores the received spans.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use super::wait_for_some;

/// A running trace collector.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: ReceivedSpans,
}

/// A received span.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedSpan {
    /// The service that exported the span.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// Empty for the root span of a trace.
    pub(crate) parent_id: String,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) failed: bool,
    pub(crate) micros: u64,
}

#[derive(Clone, Default)]
struct ReceivedSpans(Arc<Mutex<Vec<ReceivedSpan>>>);

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn listen(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, received) = (listener.local_addr().unwrap(), ReceivedSpans::default());
        let service = TraceServiceServer::new(received.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, received }
    }

    /// The value of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans received so far.
    pub(crate) fn spans(&self) -> Vec<ReceivedSpan> {
        self.received.0.lock().unwrap().clone()
    }

    /// Waits until a trace has at least this many spans, and returns them.
    pub(crate) async fn wait_for_trace(&self, trace_id: &str, spans: usize) -> Vec<ReceivedSpan> {
        wait_for_some(&format!("{spans} spans of {trace_id}"), async || {
            let trace: Vec<_> = self.spans().into_iter().filter(|span| span.trace_id == trace_id).collect();
            (trace.len() >= spans).then_some(trace)
        })
        .await
    }
}

#[tonic::async_trait]
impl TraceService for ReceivedSpans {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = texts(resource.resource.unwrap_or_default().attributes);
            let service = &attributes["service.name"];
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| convert(service, span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn convert(service: &str, span: Span) -> ReceivedSpan {
    ReceivedSpan {
        service: service.to_owned(),
        kind: span.kind(),
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        attributes: texts(span.attributes),
        failed: span.status.is_some_and(|status| status.code() == StatusCode::Error),
        micros: (span.end_time_unix_nano - span.start_time_unix_nano) / 1000,
    }
}

fn texts(attributes: Vec<KeyValue>) -> HashMap<String, String> {
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
