//! The mails that users want.

use eventboard_chassis::{error::ServiceError, fairness::Client, server::Deadline};
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{DecisionMails, Identity};
use uuid::Uuid;

use super::{Store, sessions::lock_caller};

impl Store {
    /// Returns when the user of a token gets mails about decisions. `None` when the token is outdated.
    pub(crate) async fn decision_mails(
        &self,
        identity: &Identity,
    ) -> Result<Option<DecisionMails>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let decisions = sqlx::query_scalar!(
            r#"
            select "decisionMails" as "decisions!: AsText<DecisionMails>"
            from current_caller($1, $2, $3::text::"Role", $4, $5)
            "#,
            identity.user_id,
            identity.organization_id,
            AsText(identity.role) as _,
            identity.session.id(),
            identity.session.issued_at(),
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT notifications")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(decisions.map(|AsText(decisions)| decisions))
    }

    /// Stores when the user of a token gets mails about decisions. Writes nothing if the user has that value already.
    ///
    /// # Errors
    /// `TokenOutdated` when the token is.
    pub(crate) async fn set_decision_mails(
        &self,
        identity: &Identity,
        decisions: DecisionMails,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        lock_caller(&mut transaction, identity).await?;
        sqlx::query!(
            r#"update "User" set "decisionMails" = $2 where id = $1 and "decisionMails" <> $2"#,
            identity.user_id,
            AsText(decisions) as _,
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE notifications")
        .await
        .map_err(db_error)?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Stores that a user gets no mails about decisions. Returns false when there is no such user. Writes nothing if that is
    /// so already, because mail programs may follow the link more than once.
    pub(crate) async fn unsubscribe(&self, user_id: Uuid, client: Client) -> Result<bool, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let is_user = sqlx::query_scalar!(
            r#"
            with changed as (update "User" set "decisionMails" = $2 where id = $1 and "decisionMails" <> $2)
            select exists (select from "User" where id = $1) as "is_user!"
            "#,
            user_id,
            AsText(DecisionMails::Off) as _,
        )
        .fetch_one(&mut *lease)
        .instrumented("UPDATE unsubscribe")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(is_user)
    }
}
