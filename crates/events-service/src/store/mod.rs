//! The service's SQL and transactions. Every statement on events contains the caller's organization.

mod capped_totals;
mod change;
mod create;
mod event;
mod find;
mod list;

use eventboard_chassis::error::ServiceError;
use eventboard_db::{Database, Lease};

use self::capped_totals::CappedTotals;
pub(crate) use self::{change::EventTransaction, create::create};

/// Reads and writes events in PostgreSQL.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    capped_totals: CappedTotals,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, capped_totals: CappedTotals::new() }
    }

    /// Leases a connection for a write.
    pub(crate) async fn acquire(&self) -> Result<Lease, ServiceError> {
        self.database.acquire().await
    }
}
