//! Whether a token's user still is what the token says.

use std::time::Duration;

use eventboard_chassis::{error::ServiceError, token::Identity};
use eventboard_client::{CallContext, CallPolicy};
use eventboard_proto::auth::{ValidateUserReply, ValidateUserRequest};
use moka::future::Cache;

use crate::{
    clients::{Backend, Clients},
    policy::Policy,
};

/// How long a good answer is believed. It bounds how long a disabled user can go on.
const TTL: Duration = Duration::from_secs(30);

/// Entries at most; an entry is some hundred bytes.
const CAPACITY: u64 = 10_000;

/// The users whom auth-service has confirmed lately.
///
/// Keyed by everything that a token claims: the token that a user gets after a change of role is
/// another entry than the one before. Refusals are not kept.
#[derive(Clone)]
pub(crate) struct Sessions {
    clients: Clients,
    policy: Policy,
    confirmed: Cache<Identity, ()>,
}

impl Sessions {
    /// Asks through `clients`, each time as `policy` says.
    pub(crate) fn new(clients: Clients, policy: Policy) -> Self {
        let confirmed = Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build();
        Self { clients, policy, confirmed }
    }

    /// Confirms the caller, from memory or by asking.
    ///
    /// # Errors
    /// `Unauthenticated` when auth-service refuses the user, `Unavailable` when it cannot be asked.
    pub(crate) async fn confirm(
        &self,
        identity: Identity,
        context: &CallContext,
        request: CallPolicy,
    ) -> Result<(), ServiceError> {
        if self.confirmed.get(&identity).await.is_some() {
            return Ok(());
        }
        // In a box: it is rarely needed, and would make the future of every request larger.
        Box::pin(self.confirm_by_asking(identity, context, request)).await
    }

    /// Asks once for all requests that wait for the answer.
    async fn confirm_by_asking(
        &self,
        identity: Identity,
        context: &CallContext,
        request: CallPolicy,
    ) -> Result<(), ServiceError> {
        loop {
            let mut failure = None;
            let ask = async { self.ask(context, request).await.map_err(|error| failure = Some(error)) };
            let confirmed = self.confirmed.try_get_with(identity.clone(), ask).await;
            match (confirmed, failure) {
                (Ok(()), _) => return Ok(()),
                (Err(_), Some(own)) => return Err(own),
                // Whoever asked first failed, perhaps for want of time; this request may have more.
                (Err(_), None) => {}
            }
        }
    }

    async fn ask(&self, context: &CallContext, request: CallPolicy) -> Result<(), ServiceError> {
        let call = context.request(self.policy.within(request), ValidateUserRequest {});
        let ValidateUserReply {} = Backend::Auth.reply(self.clients.auth().validate_user(call).await)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
