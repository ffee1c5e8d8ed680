//! What travels with the calls of one request.

use eventboard_chassis::correlation::{self, CorrelationId};
use http::{HeaderMap, HeaderValue, header};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use crate::policy::CallPolicy;

/// What travels with every call on behalf of one request of a client.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Names the request in every log.
    pub correlation: CorrelationId,
    /// The W3C trace context, as it came.
    pub traceparent: Option<HeaderValue>,
    /// The caller's `Authorization` header, for the service to verify again.
    pub authorization: Option<HeaderValue>,
    /// The same for every attempt of this request and for no other request.
    pub request_id: Uuid,
}

impl CallContext {
    /// A message with everything around it.
    pub fn request<M>(&self, policy: CallPolicy, message: M) -> tonic::Request<M> {
        let mut headers = HeaderMap::new();
        headers.insert(correlation::HEADER, self.correlation.to_header());
        if let Some(traceparent) = &self.traceparent {
            headers.insert(correlation::TRACEPARENT, traceparent.clone());
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        request.extensions_mut().insert(policy);
        request
    }
}
