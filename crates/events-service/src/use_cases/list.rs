//! Listing events, page after page.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Faults;

use super::Events;
use crate::listing::{Filter, Listing, Page, PageAt, Start};

impl Events {
    /// One page, with the cursor of the next one.
    pub(crate) async fn list(&self, listing: &Listing) -> Result<Page<String>, ServiceError> {
        let Listing { filter, page, limit } = listing;
        let start = self.start(filter, page, *limit)?;
        let Page { events, next, total, total_is_exact } = self.store.list(filter, &start, *limit).await?;
        let next = next.map(|position| self.cursors.sign(&position, filter));
        Ok(Page { events, next, total, total_is_exact })
    }

    fn start(&self, filter: &Filter, page: &PageAt, limit: u32) -> Result<Start, Faults> {
        match page {
            PageAt::Number(number) => Ok(Start::Offset((number - 1) * u64::from(limit))),
            PageAt::Cursor(cursor) => {
                let position = self.cursors.verify(cursor, filter);
                let position =
                    position.ok_or_else(|| Faults::one("cursor", "is not a cursor of this listing"))?;
                Ok(Start::After(position))
            }
        }
    }
}
