//! The mails that users want.

use eventboard_chassis::{error::ServiceError, fairness::Client};
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{DecisionMails, Identity};
use uuid::Uuid;

use super::Store;

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
            from current_caller($1, $2, $3::text::"Role")
            "#,
            identity.user_id,
            identity.organization_id,
            AsText(identity.role) as _,
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT notifications")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(decisions.map(|AsText(decisions)| decisions))
    }

    /// Stores when the user of a token gets mails about decisions. Returns false when the token is outdated.
    pub(crate) async fn set_decision_mails(
        &self,
        identity: &Identity,
        decisions: DecisionMails,
    ) -> Result<bool, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let updated = sqlx::query!(
            r#"
            update "User" set "decisionMails" = $4
            where id = (select id from current_caller($1, $2, $3::text::"Role"))
            "#,
            identity.user_id,
            identity.organization_id,
            AsText(identity.role) as _,
            AsText(decisions) as _,
        )
        .execute(&mut *lease)
        .instrumented("UPDATE notifications")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(updated.rows_affected() > 0)
    }

    /// Stores that a user gets no mails about decisions. Returns false when there is no such user.
    pub(crate) async fn unsubscribe(&self, user_id: Uuid, client: Client) -> Result<bool, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let updated = sqlx::query!(
            r#"update "User" set "decisionMails" = $2 where id = $1"#,
            user_id,
            AsText(DecisionMails::Off) as _,
        )
        .execute(&mut *lease)
        .instrumented("UPDATE notifications")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(updated.rows_affected() > 0)
    }
}
