//! Reads the method and the status code of a gRPC call from its HTTP path and headers, for clients and servers. The
//! names in metrics and spans follow OpenTelemetry's semantic conventions.

use http::HeaderMap;
use metrics::Label;
use tonic::Code;

/// The services accept a header list that is smaller than this, in bytes. Each field counts as its name, its value and
/// 32 bytes (RFC 9113, section 6.5.2). This is the default of hyper's server. The server responds to a larger list with
/// 431. If a list is more than four times as large, the server closes the connection, and all calls on it fail.
pub const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;

/// The full name of a method, from the request path.
pub fn method_name(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// The gRPC code in headers or trailers, if there is one.
pub fn grpc_code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// The labels of the metric for call durations.
pub fn call_labels(method: &str, code: Code) -> Vec<Label> {
    vec![
        Label::new("rpc_method", method.to_owned()),
        Label::from_static_parts("rpc_response_status_code", code_name(code)),
    ]
}

/// The code's name in the gRPC specification.
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
