//! Reads the bodies of requests into memory, so that a request can be cloned and retried.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use tonic::body::Body;

use crate::error::CallError;

/// Reads the body of a request into memory. This is cheap, because the body is small and was encoded in memory.
pub(crate) async fn buffer_request(request: Request<Body>) -> Result<Request<Bytes>, CallError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|status| CallError::Malformed(status.into()))?;
    Ok(Request::from_parts(parts, body.to_bytes()))
}
