//! Calls to the services for one request of a browser.

use std::net::{IpAddr, Ipv4Addr};

use eventboard_chassis::{
    client_address::{ClientSigner, SignedClient},
    correlation::{self, CorrelationId},
    error::ServiceError,
    server::Requester,
};
use eventboard_client::{Backend, CallContext, CallPolicy, RetryOn};
use eventboard_proto::writes::{EntityTags, Idempotency};
use http::{HeaderValue, header, request::Parts};
use tonic::Status;
use uuid::Uuid;

/// The context and the policy for all calls that one request makes.
pub(crate) struct Calls {
    context: CallContext,
    policy: CallPolicy,
}

impl Calls {
    /// The calls of nobody: without an access token.
    ///
    /// # Errors
    /// When the route has no policy, which is a defect.
    pub(crate) fn anonymous(parts: &Parts, signer: &ClientSigner) -> Result<Self, ServiceError> {
        let policy = parts.extensions.get::<CallPolicy>().copied();
        let policy = policy.ok_or_else(|| ServiceError::internal("the route has no call policy"))?;
        let correlation = parts.extensions.get::<CorrelationId>().cloned();
        let context = CallContext {
            correlation: correlation.unwrap_or_else(|| CorrelationId::of(&parts.headers)),
            traceparent: correlation::traceparent(&parts.headers),
            authorization: None,
            client: signed_client(parts, signer),
            request_id: Uuid::now_v7(),
            timings: parts.extensions.get().cloned().unwrap_or_default(),
        };
        Ok(Self { context, policy })
    }

    /// The calls of a user with this header `Authorization`.
    pub(crate) fn authorized(mut self, authorization: HeaderValue) -> Self {
        self.context.authorization = Some(authorization);
        self
    }

    /// A call that can be repeated: a read, or a write that has an idempotency key or sets a value.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        self.context.request(self.policy, message)
    }

    /// A call that must not be performed twice, and has no idempotency key.
    pub(crate) fn request_once<M>(&self, message: M) -> tonic::Request<M> {
        let policy = CallPolicy { retry_on: RetryOn::NotPerformed, ..self.policy };
        self.context.request(policy, message)
    }

    /// The idempotency key of a form as a message.
    pub(crate) fn idempotency(&self, key: &str) -> Idempotency {
        Idempotency { key: key.to_owned(), request_id: self.context.request_id.to_string(), generated: false }
    }
}

/// The condition that a resource still has the version that the page showed. `None` if the form does not tell one.
pub(crate) fn if_version(version: &str) -> Option<EntityTags> {
    let version = version.parse().ok()?;
    Some(EntityTags { any: false, versions: vec![version] })
}

/// Returns the reply of auth-service.
///
/// # Errors
/// The failed call.
pub(crate) fn auth_reply<M>(result: Result<tonic::Response<M>, Status>) -> Result<M, ServiceError> {
    Backend::Auth.reply(result)
}

/// Returns the reply of events-service.
///
/// # Errors
/// The failed call.
pub(crate) fn events_reply<M>(result: Result<tonic::Response<M>, Status>) -> Result<M, ServiceError> {
    Backend::Events.reply(result)
}

/// The client of a request, as the services record it.
fn signed_client(parts: &Parts, signer: &ClientSigner) -> Option<SignedClient> {
    let address = match parts.extensions.get::<Requester>().copied() {
        Some(Requester::Anonymous(address)) => address,
        Some(Requester::Member { organization_id: _, user_id: _, address_block }) => address_block?,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    signer.sign(address, parts.headers.get(header::USER_AGENT))
}
