//! The metadata of a client request, which is sent with all calls that the gateway makes for it.
//!
//! The gateway builds the metadata. It never copies a header of the client that it has not validated, because calls for
//! many clients share one connection, and a replica may close the connection when it rejects the metadata of one.

use eventboard_chassis::{
    client_address::{CLIENT_ADDRESS, CLIENT_DESCRIPTION, SignedClient},
    correlation::{self, CorrelationId},
};
use http::{HeaderMap, HeaderValue, header};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use crate::{policy::CallPolicy, timings::CallTimings};

/// The metadata of every call that is made for one client request.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Identifies the request in all logs.
    pub correlation: CorrelationId,
    /// The W3C trace context. Only a valid one is forwarded, which always has 55 characters.
    pub traceparent: Option<HeaderValue>,
    /// `Bearer` and the caller's verified token. The service verifies it again.
    pub authorization: Option<HeaderValue>,
    /// The client's address block and description, for calls without a token.
    pub client: Option<SignedClient>,
    /// Unique to this request and the same for all its attempts.
    pub request_id: Uuid,
    /// Collects how long the calls take.
    pub timings: CallTimings,
}

impl CallContext {
    /// Builds a gRPC request with this metadata and the policy.
    pub fn request<M>(&self, policy: CallPolicy, message: M) -> tonic::Request<M> {
        let mut headers = HeaderMap::new();
        headers.insert(correlation::HEADER, self.correlation.to_header());
        if let Some(traceparent) = &self.traceparent {
            headers.insert(correlation::TRACEPARENT, traceparent.clone());
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(SignedClient { address, description }) = &self.client {
            headers.insert(CLIENT_ADDRESS, address.clone());
            if let Some(description) = description {
                headers.insert(CLIENT_DESCRIPTION, description.clone());
            }
        }
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        request.extensions_mut().insert(policy);
        request.extensions_mut().insert(self.timings.clone());
        request
    }
}
