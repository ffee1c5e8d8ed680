//! gRPC calls as OpenTelemetry's semantic conventions count them, alike on both sides.

use metrics::Label;
use tonic::Code;

use super::Histograms;

/// Stands for every method that no service has, so that made-up names do not become labels.
const NO_METHOD: &str = "_OTHER";

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

/// The method of a call by the path of its request, and its code; a method that no service has under one name for all.
pub fn method_of(path: &str, code: Code) -> &str {
    if code == Code::Unimplemented { NO_METHOD } else { path.trim_start_matches('/') }
}

fn labels(method: &str, code: Code) -> Vec<Label> {
    vec![
        Label::new("rpc_method", method.to_owned()),
        Label::from_static_parts("rpc_response_status_code", name_of(code)),
    ]
}

/// The code's name as gRPC writes it.
pub fn name_of(code: Code) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_method_is_no_label() {
        let path = "/eventboard.events.v1.EventsService/FindOne";
        assert_eq!(method_of(path, Code::NotFound), "eventboard.events.v1.EventsService/FindOne");
        assert_eq!(method_of("/eventboard.events.v1.EventsService/X", Code::Unimplemented), NO_METHOD);
    }
}
