//! Hands events over to another owner.

use eventboard_chassis::{
    error::ServiceError,
    server::{Deadline, Origin},
};
use eventboard_db::{Actor, InstrumentStatement, db_error, record_transfer, transfer_some_events};
use eventboard_domain::Identity;
use uuid::Uuid;

use super::change::EventTransaction;

/// Which of both owners are members of the caller's organization.
pub(crate) struct Owners {
    pub from_is_member: bool,
    pub to_is_member: bool,
}

impl EventTransaction<'_> {
    /// Locks both owners, so that none of them is deleted until the transaction ends.
    pub(crate) async fn lock_owners(
        &mut self,
        caller: &Identity,
        from: Uuid,
        to: Uuid,
    ) -> Result<Owners, ServiceError> {
        let members = sqlx::query_scalar!(
            r#"
            select id from "User" where id in ($1, $2) and "organizationId" = $3 order by id for key share
            "#,
            from,
            to,
            caller.organization_id,
        )
        .fetch_all(self.connection())
        .instrumented("LOCK User")
        .await
        .map_err(db_error)?;
        Ok(Owners { from_is_member: members.contains(&from), to_is_member: members.contains(&to) })
    }

    /// Hands events over, some after the other, until there are no more or half of the time until the deadline has passed, and
    /// records that. Returns how many. Both owners are locked.
    pub(crate) async fn transfer(
        &mut self,
        caller: &Identity,
        from: Uuid,
        to: Uuid,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<u64, ServiceError> {
        let enough = deadline.remaining() / 2;
        let (organization_id, owners) = (caller.organization_id, (from, to));
        let mut transferred = 0;
        while deadline.remaining() > enough {
            match transfer_some_events(self.connection(), organization_id, owners).await? {
                0 => break,
                some => transferred += some,
            }
        }
        let actor = Actor::Client { user_id: Some(caller.user_id), origin };
        record_transfer(self.connection(), organization_id, owners, transferred, actor).await?;
        Ok(transferred)
    }

    /// Returns whether somebody owns events of the caller's organization.
    pub(crate) async fn owns_events(&mut self, caller: &Identity, owner: Uuid) -> Result<bool, ServiceError> {
        sqlx::query_scalar!(
            r#"
            select exists (select from "Event" where "createdById" = $1 and "organizationId" = $2) as "owns!"
            "#,
            owner,
            caller.organization_id,
        )
        .fetch_one(self.connection())
        .instrumented("SELECT Event")
        .await
        .map_err(db_error)
    }
}
