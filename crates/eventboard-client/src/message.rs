//! A gRPC call as an HTTP request in memory.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use tonic::body::Body;

use crate::error::CallError;

/// Takes a request's body into memory; it was encoded there and is small.
pub(crate) async fn collect_request(request: Request<Body>) -> Result<Request<Bytes>, CallError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|status| CallError::Malformed(status.into()))?;
    Ok(Request::from_parts(parts, body.to_bytes()))
}
