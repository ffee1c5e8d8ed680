//! The events that wait for approval.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_domain::{Identity, Violations};

use super::{EventUseCases, now};
use crate::queue::{QueuePage, QueueQuery, QueueSummary};

impl EventUseCases {
    /// Returns one page and the cursor of the next page.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `ModeratorRequired` when the caller is a USER; `InvalidInput` when
    /// the cursor is not one of this list; `Overloaded` when a search is not possible right now.
    pub(crate) async fn queue(
        &self,
        caller: &Identity,
        query: &QueueQuery,
        deadline: Deadline,
    ) -> Result<QueuePage<String>, ServiceError> {
        self.store.check_caller(caller).await?;
        caller.require_moderator()?;
        let scope = query.cursor_scope();
        let after = match &query.cursor {
            None => None,
            Some(cursor) => {
                let position = self.cursors.verify(cursor, &scope);
                Some(position.ok_or_else(|| Violations::one("cursor", "is not a cursor of this list"))?)
            }
        };
        let QueuePage { events, next } = self.store.queue(query, after, deadline).await?;
        Ok(QueuePage { events, next: next.map(|position| self.cursors.sign(&position, &scope)) })
    }

    /// Returns how many events wait.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `ModeratorRequired` when the caller is a USER.
    pub(crate) async fn queue_summary(&self, caller: &Identity) -> Result<QueueSummary, ServiceError> {
        self.store.check_caller(caller).await?;
        caller.require_moderator()?;
        self.store.queue_summary(caller.organization_id, now()).await
    }
}
