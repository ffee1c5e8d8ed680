//! gRPC calls as OpenTelemetry's semantic conventions count them, alike on both sides.

use metrics::Label;
use tonic::Code;

use super::Histograms;

/// Calls that this process makes.
pub fn calls_made() -> Histograms<Code> {
    Histograms::new(|method, code| {
        metrics::histogram!("rpc_client_call_duration_seconds", labels(method, code))
    })
}

/// Calls that this process serves.
pub fn calls_served() -> Histograms<Code> {
    Histograms::new(|method, code| {
        metrics::histogram!("rpc_server_call_duration_seconds", labels(method, code))
    })
}

/// The method of a call by the path of its request.
pub fn method_of(path: &str) -> &str {
    path.trim_start_matches('/')
}

fn labels(method: &str, code: Code) -> Vec<Label> {
    vec![
        Label::new("rpc_method", method.to_owned()),
        Label::from_static_parts("rpc_response_status_code", code_name(code)),
    ]
}

/// The code's name as gRPC writes it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
