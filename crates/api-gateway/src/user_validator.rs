//! Checks with auth-service that a token's user still exists, is enabled, and matches the token's claims.

use std::time::Duration;

use eventboard_chassis::{error::ServiceError, token::Identity};
use eventboard_client::{Backend, CallContext, CallPolicy, Clients};
use eventboard_proto::auth::{ValidateUserReply, ValidateUserRequest};
use moka::future::Cache;

use crate::policy::OperationPolicy;

/// How long a positive result is cached. A result may have been on its way for five seconds, the default deadline of the call, so a
/// disabled user can use the API for 30 seconds at most.
const CACHE_TTL: Duration = Duration::from_secs(25);

/// The maximum number of cached users. An entry takes some hundred bytes.
const CAPACITY: u64 = 10_000;

/// Calls `ValidateUser` and caches the positive results.
///
/// The cache key is the identity in the token's claims, so a token with a new role is validated again. Negative
/// results are not cached.
#[derive(Clone)]
pub(crate) struct UserValidator {
    clients: Clients,
    policy: OperationPolicy,
    valid_identities: Cache<Identity, ()>,
}

impl UserValidator {
    /// Creates a validator that calls auth-service through `clients`, under `policy`.
    pub(crate) fn new(clients: Clients, policy: OperationPolicy) -> Self {
        let valid_identities = Cache::builder().max_capacity(CAPACITY).time_to_live(CACHE_TTL).build();
        Self { clients, policy, valid_identities }
    }

    /// Validates the caller from the cache or with a call to auth-service.
    ///
    /// # Errors
    /// `Unauthenticated` if auth-service rejects the user. Otherwise the error of the call: `Unavailable`,
    /// `Overloaded`, `DeadlineExceeded` or `Internal`.
    pub(crate) async fn validate(
        &self,
        identity: Identity,
        context: &CallContext,
        request_policy: CallPolicy,
    ) -> Result<(), ServiceError> {
        if self.valid_identities.get(&identity).await.is_some() {
            return Ok(());
        }
        // Boxed because the call is rarely needed and would enlarge the future of every request.
        Box::pin(self.validate_uncached(identity, context, request_policy)).await
    }

    /// Lets all concurrent requests with the same identity share one call.
    async fn validate_uncached(
        &self,
        identity: Identity,
        context: &CallContext,
        request_policy: CallPolicy,
    ) -> Result<(), ServiceError> {
        loop {
            let mut failure = None;
            let call = async {
                self.call_validate_user(context, request_policy).await.map_err(|error| failure = Some(error))
            };
            let result = self.valid_identities.try_get_with(identity.clone(), call).await;
            match (result, failure) {
                (Ok(()), _) => return Ok(()),
                (Err(_), Some(error)) => return Err(error),
                // The call of another request failed, perhaps at its deadline. This request may have more time left.
                (Err(_), None) => {}
            }
        }
    }

    async fn call_validate_user(
        &self,
        context: &CallContext,
        request_policy: CallPolicy,
    ) -> Result<(), ServiceError> {
        let call = context.request(self.policy.within(request_policy), ValidateUserRequest {});
        let ValidateUserReply {} = Backend::Auth.reply(self.clients.auth().validate_user(call).await)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
