//! The caller of a request, and the context in which a handler calls the services for that caller.

use axum::extract::FromRequestParts;
use eventboard_chassis::{
    client_address::SignedClient,
    correlation::{self, CorrelationId},
    error::ServiceError,
    server::Requester,
    token::VerifiedToken,
};
use eventboard_client::{CallContext, CallPolicy};
use http::{header, request::Parts};
use uuid::Uuid;

use crate::{
    middleware::requester::requester,
    openapi::{OperationDescription, OperationPart, problems::Unauthenticated},
    policy::OperationPolicy,
    problem::Problem,
    state::AppState,
};

/// The context and the policy for all service calls that one request makes.
pub(crate) struct OutgoingCall {
    context: CallContext,
    policy: CallPolicy,
    requester: Requester,
}

/// A caller with a valid token, whose user auth-service has validated.
pub(crate) struct Caller(pub(crate) OutgoingCall);

/// A caller as [`Caller`] of an operation that is recorded in the audit: the service also learns the client's address.
pub(crate) struct RecordedCaller(pub(crate) OutgoingCall);

/// A caller with a genuine token, or with none: a token that is not genuine, or has expired, is ignored. The user of the token has
/// not been validated: it does not matter whether they may still use it.
pub(crate) struct GenuineCaller {
    pub(crate) call: OutgoingCall,
    /// Whether the request has a token, genuine or not.
    pub(crate) presents_token: bool,
}

/// A caller of an operation that needs no authentication. If the request contains a token, the token is ignored, also
/// by the rate limit: the request counts for the client's address, which the service also learns.
pub(crate) struct AnonymousCaller(pub(crate) OutgoingCall);

impl OutgoingCall {
    fn from_parts(
        parts: &Parts,
        token: Option<&VerifiedToken>,
        client: Option<SignedClient>,
    ) -> Result<Self, Problem> {
        let policy = parts.extensions.get::<CallPolicy>().copied();
        let correlation = parts.extensions.get::<CorrelationId>().cloned();
        let context = CallContext {
            correlation: correlation.unwrap_or_else(|| CorrelationId::of(&parts.headers)),
            traceparent: correlation::traceparent(&parts.headers),
            authorization: token.map(|token| token.authorization.clone()),
            client,
            request_id: Uuid::now_v7(),
            timings: parts.extensions.get().cloned().unwrap_or_default(),
        };
        let policy = policy.ok_or_else(|| ServiceError::internal("the route has no call policy"))?;
        Ok(Self { context, policy, requester: requester(&parts.extensions) })
    }

    /// Wraps a message in a gRPC request with the metadata and the policy of this call.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        self.context.request(self.policy, message)
    }

    /// Like [`request`](Self::request), for a call after the response has begun. It has a deadline of its own.
    pub(crate) fn later_request<M>(&self, policy: OperationPolicy, message: M) -> tonic::Request<M> {
        self.context.request(policy.start(), message)
    }

    /// Who sends the request.
    pub(crate) fn requester(&self) -> Requester {
        self.requester
    }

    /// Whether the request has a token.
    pub(crate) fn has_token(&self) -> bool {
        self.context.authorization.is_some()
    }

    /// The id of this request. It is the same for every attempt.
    pub(crate) fn request_id(&self) -> Uuid {
        self.context.request_id
    }
}

impl FromRequestParts<AppState> for AnonymousCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        OutgoingCall::from_parts(parts, None, signed_client(parts, state)).map(Self)
    }
}

/// The client of a request, as the services record it.
fn signed_client(parts: &Parts, state: &AppState) -> Option<SignedClient> {
    let address = match requester(&parts.extensions) {
        Requester::Anonymous(address) => Some(address),
        Requester::Member { organization_id: _, user_id: _, address_block } => address_block,
    };
    state.client_signer().sign(address?, parts.headers.get(header::USER_AGENT))
}

impl FromRequestParts<AppState> for GenuineCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let token = parts.extensions.get::<VerifiedToken>();
        let call = OutgoingCall::from_parts(parts, token, signed_client(parts, state))?;
        Ok(Self { call, presents_token: parts.headers.contains_key(header::AUTHORIZATION) })
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        validated_call(parts, state, None).await.map(Self)
    }
}

impl FromRequestParts<AppState> for RecordedCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        validated_call(parts, state, signed_client(parts, state)).await.map(Self)
    }
}

async fn validated_call(
    parts: &Parts,
    state: &AppState,
    client: Option<SignedClient>,
) -> Result<OutgoingCall, Problem> {
    let token = parts.extensions.get::<VerifiedToken>().ok_or_else(ServiceError::unauthenticated)?;
    let call = OutgoingCall::from_parts(parts, Some(token), client)?;
    state.user_validator().validate(token.identity.clone(), &call.context, call.policy).await?;
    Ok(call)
}

impl OperationPart for AnonymousCaller {
    fn describe(_: &mut OperationDescription) {}
}

impl OperationPart for GenuineCaller {
    fn describe(description: &mut OperationDescription) {
        description.accept_bearer();
        description.add_problem::<Unauthenticated>();
    }
}

impl OperationPart for Caller {
    fn describe(description: &mut OperationDescription) {
        description.require_bearer();
        description.add_problem::<Unauthenticated>();
    }
}

impl OperationPart for RecordedCaller {
    fn describe(description: &mut OperationDescription) {
        Caller::describe(description);
    }
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::client_address::ClientSigner;
    use http::Request;

    use super::*;
    use crate::{config::Config, testing::env};

    #[tokio::test]
    async fn a_call_without_a_token_names_the_address_block_of_the_client() {
        let config = Config::from_env(&mut env([]));
        let state = AppState::new(&config, config.clients());
        let requester = Requester::Anonymous("2001:db8:1:2::".parse().expect("an address"));
        let request = Request::post("/auth/login")
            .header("x-client-address", "198.51.100.1")
            .extension(requester)
            .extension(config.policies.login.start());
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let extracted = AnonymousCaller::from_request_parts(&mut parts, &state).await;
        let AnonymousCaller(call) = extracted.expect("no problem");
        let call = call.request(());
        let addresses: Vec<_> = call.metadata().as_ref().get_all("x-client-address").iter().collect();
        let signed =
            ClientSigner::new(&config.token.secret).sign("2001:db8:1:2::".parse().expect("an address"), None);
        assert_eq!(addresses, [&signed.expect("a signature").address]);
    }
}
