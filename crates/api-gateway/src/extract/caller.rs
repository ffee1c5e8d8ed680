//! On whose behalf a request calls the services.

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
    gateway::Gateway,
    openapi::{OperationDescription, OperationPart, problems::Unauthenticated},
    problem::Problem,
};

/// What every call to a service on behalf of this request has in common.
pub(crate) struct Call {
    context: CallContext,
    policy: CallPolicy,
}

/// A user whom auth-service confirms.
pub(crate) struct Caller(pub(crate) Call);

/// Anybody; a token that comes along is ignored.
pub(crate) struct Visitor(pub(crate) Call);

impl Call {
    fn of(parts: &Parts, token: Option<&VerifiedToken>) -> Result<Self, Problem> {
        let policy = parts.extensions.get::<CallPolicy>().copied();
        let correlation = parts.extensions.get::<CorrelationId>().cloned();
        let context = CallContext {
            correlation: correlation.unwrap_or_else(|| CorrelationId::of(&parts.headers)),
            traceparent: correlation::traceparent(&parts.headers),
            authorization: token.map(|token| token.authorization.clone()),
            request_id: Uuid::now_v7(),
        };
        let policy = policy.ok_or_else(|| ServiceError::internal("the route has no policy"))?;
        Ok(Self { context, policy })
    }

    /// A message with everything around it.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        self.context.request(self.policy, message)
    }

    /// The same for every attempt of this request and for no other request.
    pub(crate) fn request_id(&self) -> Uuid {
        self.context.request_id
    }
}

impl FromRequestParts<Gateway> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Problem> {
        Call::of(parts, None).map(Self)
    }
}

impl FromRequestParts<Gateway> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        let token = parts.extensions.get::<VerifiedToken>().ok_or_else(ServiceError::unauthenticated)?;
        let call = Call::of(parts, Some(token))?;
        gateway.sessions().confirm(token.identity.clone(), &call.context, call.policy).await?;
        Ok(Self(call))
    }
}

impl OperationPart for Visitor {
    fn describe(_: &mut OperationDescription) {}
}

impl OperationPart for Caller {
    fn describe(description: &mut OperationDescription) {
        description.requires_bearer();
        description.problem::<Unauthenticated>();
    }
}
