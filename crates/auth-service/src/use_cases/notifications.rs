//! The mails that users want.

use eventboard_chassis::{error::ServiceError, fairness::Client, server::Deadline};
use eventboard_domain::{DecisionMails, Identity, Refusal};

use super::AuthUseCases;
use crate::store::invalid_link;

impl AuthUseCases {
    /// Returns when the caller gets mails about decisions.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn notifications(&self, caller: &Identity) -> Result<DecisionMails, ServiceError> {
        Ok(self.store.decision_mails(caller).await?.ok_or(Refusal::TokenOutdated)?)
    }

    /// Changes when the caller gets mails about decisions.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn set_notifications(
        &self,
        caller: &Identity,
        decisions: DecisionMails,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.store.set_decision_mails(caller, decisions, deadline).await
    }

    /// Switches off mails about decisions for the user of a link in such a mail.
    ///
    /// # Errors
    /// When the token of the link is not genuine, or its user was deleted.
    pub(crate) async fn unsubscribe(&self, token: &str, client: Client) -> Result<(), ServiceError> {
        let user_id = self.unsubscribe_verifier.verify(token).ok_or_else(invalid_link)?;
        match self.store.unsubscribe(user_id, client).await? {
            true => Ok(()),
            false => Err(invalid_link()),
        }
    }
}
