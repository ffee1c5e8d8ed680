//! All SQL of the service, and its transactions. Every statement on events names the caller's organization.

mod change;
mod create;
mod event;
mod find;
mod list;
mod long_listings;

use eventboard_chassis::error::ServiceError;
use eventboard_db::{Database, Lease};

use self::long_listings::LongListings;
pub(crate) use self::{change::EventTransaction, create::create};

/// The service's tables.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    long_listings: LongListings,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, long_listings: LongListings::new() }
    }

    /// A connection for a write.
    pub(crate) async fn acquire(&self) -> Result<Lease, ServiceError> {
        self.database.acquire().await
    }
}
