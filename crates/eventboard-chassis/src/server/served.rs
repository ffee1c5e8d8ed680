//! What operators see of the calls that are served: durations and spans, also of those that were cut off.

use std::{collections::HashSet, sync::Arc, time::Instant};

use anyhow::Context;
use http::HeaderMap;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::{
    grpc::{call_labels, code_name, method_of},
    metrics::Histograms,
    traces::Span,
};

/// Stands for every method that the service does not have, so that made-up names do not become labels.
const NO_METHOD: &str = "_OTHER";

/// Observes the calls to one service.
#[derive(Clone)]
pub(super) struct Served {
    /// As operators know it.
    pub(super) service: &'static str,
    methods: Arc<HashSet<Arc<str>>>,
    durations: Arc<Histograms<Code>>,
}

impl Served {
    /// Calls to the methods that these descriptors have.
    ///
    /// # Errors
    /// When the descriptors are broken.
    pub(super) fn new(service: &'static str, descriptors: &[u8]) -> anyhow::Result<Self> {
        let files = FileDescriptorSet::decode(descriptors).context("the gRPC descriptors are broken")?;
        Ok(Self { service, methods: Arc::new(methods_of(&files)), durations: Arc::new(calls_served()) })
    }

    /// Begins to observe a call.
    pub(super) fn begin(&self, path: &str, headers: &HeaderMap) -> ServedCall {
        let method = self.methods.get(method_of(path)).map_or_else(|| NO_METHOD.into(), Arc::clone);
        let span = Span::server(&method, headers);
        span.set("rpc.system.name", || "grpc");
        span.set("rpc.method", || Arc::clone(&method));
        let durations = Arc::clone(&self.durations);
        ServedCall { method, span, durations, started: Instant::now() }
    }
}

/// Calls that this process serves.
fn calls_served() -> Histograms<Code> {
    Histograms::new(|method, code| {
        metrics::histogram!("rpc_server_call_duration_seconds", call_labels(method, code))
    })
}

fn methods_of(files: &FileDescriptorSet) -> HashSet<Arc<str>> {
    let services = files.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
    let names = services.flat_map(|(file, service)| {
        let name = |method: &str| format!("{}.{}/{method}", file.package(), service.name()).into();
        service.method.iter().map(move |method| name(method.name()))
    });
    names.collect()
}

/// A call that is being served.
pub(super) struct ServedCall {
    method: Arc<str>,
    pub(super) span: Span,
    durations: Arc<Histograms<Code>>,
    started: Instant,
}

impl ServedCall {
    /// Logs and counts the call: as cancelled when it has no code, because its caller no longer waits.
    pub(super) fn record(&self, code: Option<Code>) {
        let code = code.unwrap_or(Code::Cancelled);
        let elapsed = self.started.elapsed();
        self.durations.record(&self.method, code, elapsed);
        tracing::info!(grpc_code = ?code, duration_ms = elapsed.as_secs_f64() * 1000.0, "Call finished");
        self.span.set("rpc.response.status_code", || code_name(code));
        if is_own_fault(code) {
            self.span.fail(|| code_name(code).to_owned());
        }
    }
}

/// Whether the code tells of something that went wrong on the server's side (OpenTelemetry's semantic conventions for gRPC).
fn is_own_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
