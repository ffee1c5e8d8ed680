//! Rejects a request with a long URI or with large header fields.
//!
//! The limits are lower than those of the HTTP parser and of the proxy in front of the gateway (`deploy/nginx`), whose
//! errors may have no body or no correlation ID.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    error::ServiceError,
    grpc::header_bytes,
    layer::{Inner, Next},
};
use http::Uri;

use crate::problem::{HttpError, Problem, URI_LIMIT};

/// The maximum size of all header fields, in bytes.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// The layer function.
pub(crate) async fn limit_head((): (), request: Request, next: Next<impl Inner>) -> Response {
    if uri_bytes(request.uri()) > URI_LIMIT {
        return Problem::from(HttpError::UriTooLong).into_response();
    }
    if header_bytes(request.headers()) > MAX_HEADER_BYTES {
        return Problem::from(ServiceError::headers_too_large()).into_response();
    }
    next.run(request).await
}

fn uri_bytes(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |path| path.as_str().len())
}
