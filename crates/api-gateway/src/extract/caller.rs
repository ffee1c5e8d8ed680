//! The caller of a request, and the context in which a handler calls the services for that caller.

use axum::extract::FromRequestParts;
use eventboard_chassis::{
    correlation::{self, CorrelationId},
    error::ServiceError,
    token::VerifiedToken,
};
use eventboard_client::{CallContext, CallPolicy};
use http::request::Parts;
use uuid::Uuid;

use crate::{
    openapi::{OperationDescription, OperationPart, problems::Unauthenticated},
    problem::Problem,
    state::AppState,
};

/// The context and the policy for all service calls that one request makes.
pub(crate) struct OutgoingCall {
    context: CallContext,
    policy: CallPolicy,
}

/// A caller with a valid token, whose user auth-service has validated.
pub(crate) struct Caller(pub(crate) OutgoingCall);

/// A caller of an operation that needs no authentication. If the request contains a token, the token is ignored.
pub(crate) struct AnonymousCaller(pub(crate) OutgoingCall);

impl OutgoingCall {
    fn from_parts(parts: &Parts, token: Option<&VerifiedToken>) -> Result<Self, Problem> {
        let policy = parts.extensions.get::<CallPolicy>().copied();
        let correlation = parts.extensions.get::<CorrelationId>().cloned();
        let context = CallContext {
            correlation: correlation.unwrap_or_else(|| CorrelationId::of(&parts.headers)),
            traceparent: correlation::traceparent(&parts.headers),
            authorization: token.map(|token| token.authorization.clone()),
            request_id: Uuid::now_v7(),
        };
        let policy = policy.ok_or_else(|| ServiceError::internal("the route has no call policy"))?;
        Ok(Self { context, policy })
    }

    /// Wraps a message in a gRPC request with the metadata and the policy of this call.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        self.context.request(self.policy, message)
    }

    /// The id of this request. It is the same for every attempt.
    pub(crate) fn request_id(&self) -> Uuid {
        self.context.request_id
    }
}

impl FromRequestParts<AppState> for AnonymousCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        OutgoingCall::from_parts(parts, None).map(Self)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let token = parts.extensions.get::<VerifiedToken>().ok_or_else(ServiceError::unauthenticated)?;
        let call = OutgoingCall::from_parts(parts, Some(token))?;
        state.user_validator().validate(token.identity.clone(), &call.context, call.policy).await?;
        Ok(Self(call))
    }
}

impl OperationPart for AnonymousCaller {
    fn describe(_: &mut OperationDescription) {}
}

impl OperationPart for Caller {
    fn describe(description: &mut OperationDescription) {
        description.require_bearer();
        description.add_problem::<Unauthenticated>();
    }
}
