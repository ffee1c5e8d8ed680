//! Reads the method and the status code of a gRPC call from its HTTP path and headers, and measures header fields, for
//! clients and servers. The names in metrics and spans follow OpenTelemetry's semantic conventions.

use http::HeaderMap;
use metrics::Label;
use tonic::Code;

/// The bytes that each header field counts in addition to its name and value (RFC 9113, section 6.5.2).
pub const FIELD_OVERHEAD: usize = 32;

/// Every server accepts a header list over HTTP/2 that is smaller than this, in bytes. It responds to a larger list with
/// 431. If a list is more than four times as large, the server closes the connection, and all calls on it fail.
pub const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;

/// A gateway sends this metadata with its health checks of a replica while it knows no other replica that is ready. A
/// replica that drains then waits until the gateway knows another one.
pub const LAST_RESORT: &str = "x-last-resort";

/// The size of the header fields in a header list, in bytes.
pub fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD).sum()
}

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
