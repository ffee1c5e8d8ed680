//! Observes incoming gRPC calls, including cancelled ones: logs them and records their durations and spans.

use std::{collections::HashSet, sync::Arc, time::Instant};

use anyhow::Context;
use http::HeaderMap;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::{
    grpc::{call_labels, code_name, method_name},
    metrics::Histograms,
    traces::Span,
};

/// The label for all methods that the service does not have, so that clients cannot create arbitrary labels.
const UNKNOWN_METHOD: &str = "_OTHER";

/// Observes the calls to one service.
#[derive(Clone)]
pub(super) struct CallObserver {
    /// The name of the service in logs.
    pub(super) service: &'static str,
    methods: Arc<HashSet<Arc<str>>>,
    durations: Arc<Histograms<Code>>,
}

impl CallObserver {
    /// Creates an observer for calls to the methods in these descriptors.
    ///
    /// # Errors
    /// When the descriptors are invalid.
    pub(super) fn new(service: &'static str, descriptors: &[u8]) -> anyhow::Result<Self> {
        let files = FileDescriptorSet::decode(descriptors).context("the gRPC descriptors are invalid")?;
        let (methods, durations) = (Arc::new(method_names(&files)), Arc::new(server_call_durations()));
        Ok(Self { service, methods, durations })
    }

    /// Starts observing a call.
    pub(super) fn begin(&self, path: &str, headers: &HeaderMap) -> ObservedCall {
        let method = self.methods.get(method_name(path)).map_or_else(|| UNKNOWN_METHOD.into(), Arc::clone);
        let span = Span::server(&method, headers);
        span.set("rpc.system.name", || "grpc");
        span.set("rpc.method", || Arc::clone(&method));
        let durations = Arc::clone(&self.durations);
        ObservedCall { method, span, durations, started: Instant::now() }
    }
}

/// The durations of the calls that this process serves.
fn server_call_durations() -> Histograms<Code> {
    Histograms::new(|method, code| {
        metrics::histogram!("rpc_server_call_duration_seconds", call_labels(method, code))
    })
}

fn method_names(files: &FileDescriptorSet) -> HashSet<Arc<str>> {
    let services = files.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
    let names = services.flat_map(|(file, service)| {
        let name = |method: &str| format!("{}.{}/{method}", file.package(), service.name()).into();
        service.method.iter().map(move |method| name(method.name()))
    });
    names.collect()
}

/// A call in progress.
pub(super) struct ObservedCall {
    method: Arc<str>,
    pub(super) span: Span,
    durations: Arc<Histograms<Code>>,
    started: Instant,
}

impl ObservedCall {
    /// Logs the call and records its duration. `None` means that the call was cancelled, because its caller stopped
    /// waiting.
    pub(super) fn record(&self, code: Option<Code>) {
        let code = code.unwrap_or(Code::Cancelled);
        let elapsed = self.started.elapsed();
        self.durations.record(&self.method, code, elapsed);
        tracing::info!(grpc_code = ?code, duration_ms = elapsed.as_secs_f64() * 1000.0, "Call finished");
        self.span.set("rpc.response.status_code", || code_name(code));
        if is_server_error(code) {
            self.span.fail(|| code_name(code).to_owned());
        }
    }
}

/// Whether the code is a server error (OpenTelemetry's semantic conventions for gRPC).
fn is_server_error(code: Code) -> bool {
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
