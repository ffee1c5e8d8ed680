//! What travels with the calls of one request.

use eventboard_chassis::correlation::{self, CorrelationId};
use http::{HeaderName, HeaderValue, header};
use tonic::metadata::{Ascii, MetadataKey};
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
        let mut request = tonic::Request::new(message);
        let mut put = |name: HeaderName, value: &HeaderValue| {
            if let Ok(text) = value.to_str()
                && let (Ok(key), Ok(value)) =
                    (MetadataKey::<Ascii>::from_bytes(name.as_str().as_bytes()), text.parse())
            {
                request.metadata_mut().insert(key, value);
            }
        };
        put(correlation::HEADER, &self.correlation.to_header());
        if let Some(traceparent) = &self.traceparent {
            put(correlation::TRACEPARENT, traceparent);
        }
        if let Some(authorization) = &self.authorization {
            put(header::AUTHORIZATION, authorization);
        }
        request.extensions_mut().insert(policy);
        request
    }
}
