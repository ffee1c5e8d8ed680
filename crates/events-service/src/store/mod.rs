//! The service's SQL and transactions. Every statement on events contains the caller's organization.

mod callers;
mod change;
mod copy;
mod create;
mod days;
mod event;
mod find;
mod list;
mod list_statement;
mod long_lists;
mod people;
mod queue;
mod search_budget;
mod search_text;
mod shown_length;
mod transfer;
mod usage;

use std::{sync::Arc, time::Instant};

use eventboard_chassis::{error::ServiceError, fairness::Client};
use eventboard_db::{Database, Lease};
use eventboard_domain::{Identity, StorageUsage};
use uuid::Uuid;

use self::{
    callers::Callers,
    long_lists::LongLists,
    search_budget::SearchBudget,
    usage::{OrganizationUsage, Usages},
};
pub(crate) use self::{change::EventTransaction, create::create};

/// Reads and writes events in PostgreSQL.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    callers: Callers,
    usages: Usages,
    long_lists: LongLists,
    search_budget: SearchBudget,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            callers: Callers::new(database.clone()),
            usages: Usages::new(database.clone()),
            long_lists: LongLists::new(),
            search_budget: SearchBudget::new(database.max_connections()),
            database,
        }
    }

    /// Checks the caller of a read, or of a replay from memory. A change to the user may take 30 seconds to be noticed.
    ///
    /// # Errors
    /// `Unauthenticated` when the user was deleted or disabled, or now has another role or organization.
    pub(crate) async fn check_caller(&self, caller: &Identity) -> Result<(), ServiceError> {
        self.callers.check(caller).await
    }

    /// The same without a cache.
    pub(crate) async fn check_caller_now(&self, caller: &Identity) -> Result<(), ServiceError> {
        self.callers.check_in_database(caller).await
    }

    /// Records that a statement of a write, which began at this instant, has confirmed the caller.
    pub(crate) fn confirm_caller(&self, caller: &Identity, began: Instant) {
        self.callers.confirm(caller, began);
    }

    /// Returns what the organization uses of its quotas. Call this before [`Store::acquire`], because it may need a
    /// connection too.
    pub(crate) async fn usage(&self, organization_id: Uuid) -> Arc<OrganizationUsage> {
        self.usages.of(organization_id).await
    }

    /// Returns what the organization stores, at most about a minute old. `None` while it is counted for the first time.
    pub(crate) async fn present_usage(&self, organization_id: Uuid) -> Option<StorageUsage> {
        self.usages.present(organization_id).await
    }

    /// Leases a connection for the work of an organization.
    pub(crate) async fn acquire(&self, organization_id: Uuid) -> Result<Lease, ServiceError> {
        self.database.acquire(Client::Organization(organization_id)).await
    }
}
