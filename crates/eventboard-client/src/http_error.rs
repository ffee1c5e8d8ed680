//! HTTP errors without a gRPC status. They come from the HTTP layer of a replica or from a proxy, not from a method.

use eventboard_chassis::error::ServiceError;
use http::{Response, StatusCode};
use tonic::{Code, Status, body::Body};

/// The gRPC response for an HTTP error. A header list that is too large is the caller's error.
pub(crate) fn http_error_response(http: StatusCode) -> Response<Body> {
    let cause = format!("HTTP status {http} without a gRPC status");
    let status = match http {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ServiceError::headers_too_large().caused_by(cause).into()
        }
        _ => Status::new(grpc_code_of(http), cause),
    };
    status.into_http()
}

/// The gRPC code of an HTTP status (gRPC, "HTTP to gRPC Status Code Mapping").
fn grpc_code_of(http: StatusCode) -> Code {
    match http {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::error::ErrorCode;

    use super::*;

    fn status_of(http: u16) -> Status {
        let response = http_error_response(StatusCode::from_u16(http).expect("a status"));
        Status::from_header_map(response.headers()).expect("a gRPC status")
    }

    #[test]
    fn an_http_error_gets_the_code_of_the_specification() {
        for (http, code) in [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (302, Code::Unknown),
            (418, Code::Unknown),
            (500, Code::Unknown),
        ] {
            assert_eq!(status_of(http).code(), code, "{http}");
        }
    }

    #[test]
    fn a_431_is_the_callers_error() {
        assert_eq!(ServiceError::from(status_of(431)).code(), ErrorCode::HeadersTooLarge);
    }
}
