//! An account goes, or its owner takes a copy of it.

use std::net::IpAddr;

use eventboard_chassis::{
    account_key::AccountKeys,
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{InstrumentStatement, Removal, db_error, lock_for_removal, remove_member};
use eventboard_domain::{AuditEvent, Identity, Refusal};

use super::{
    Store,
    changes::member_write,
    sessions::{lock_caller, record_by_caller},
};

impl Store {
    /// Deletes the caller. `None` if the password was changed after it was checked.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is; `LastAdmin` when nobody could administer the organization afterwards.
    pub(crate) async fn delete_caller(
        &self,
        identity: &Identity,
        checked_version: i32,
        account_keys: &AccountKeys,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Option<Removal>, ServiceError> {
        let mut lease = self.database.acquire(Client::Address(block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        let member = lock_for_removal(&mut transaction, identity.organization_id, identity.user_id).await?;
        let member = member.ok_or(Refusal::TokenOutdated)?;
        let caller = lock_caller(&mut transaction, identity).await?;
        if caller.password_version != checked_version {
            return Ok(None);
        }
        let write = member_write(identity, origin);
        let removal = remove_member(&mut transaction, &member, Some(account_keys), write).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(Some(removal))
    }

    /// Lists the blocks of addresses that the caller logged in from, as networks: an IPv4 address is one of its own, an
    /// IPv6 address counts as its /64.
    pub(crate) async fn known_addresses(&self, identity: &Identity) -> Result<Vec<String>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let blocks = sqlx::query_scalar!(
            r#"
            select set_masklen(block, case family(block) when 4 then 32 else 64 end)::text as "block!"
            from "KnownAddress" where "userId" = $1 order by block
            "#,
            identity.user_id
        )
        .fetch_all(&mut *lease)
        .instrumented("SELECT KnownAddress")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(blocks)
    }

    /// Records that the caller takes a copy of their data.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn record_export(
        &self,
        identity: &Identity,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        lock_caller(&mut transaction, identity).await?;
        record_by_caller(&mut transaction, identity, origin, AuditEvent::DataExported {}).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }
}
