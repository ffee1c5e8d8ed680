//! Lists events in pages.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_domain::{Identity, Violations};

use super::EventUseCases;
use crate::listing::{ListCriteria, ListQuery, Page, PageSelector, PageStart};

impl EventUseCases {
    /// Returns one page and the cursor of the next page.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated. `InvalidInput` when the cursor is not one of this list.
    /// `Overloaded` when a search is not possible right now.
    pub(crate) async fn list(
        &self,
        caller: &Identity,
        query: &ListQuery,
        deadline: Deadline,
    ) -> Result<Page<String>, ServiceError> {
        self.store.check_caller(caller).await?;
        let ListQuery { criteria, page, limit } = query;
        let start = self.page_start(criteria, page, *limit)?;
        let Page { events, next, total, total_is_exact } =
            self.store.list(criteria, &start, *limit, deadline).await?;
        let next = next.map(|position| self.cursors.sign(&position, &criteria.cursor_scope()));
        Ok(Page { events, next, total, total_is_exact })
    }

    fn page_start(
        &self,
        criteria: &ListCriteria,
        page: &PageSelector,
        limit: u32,
    ) -> Result<PageStart, Violations> {
        match page {
            PageSelector::Number(number) => Ok(PageStart::Offset((number - 1) * u64::from(limit))),
            PageSelector::Cursor(cursor) => {
                let position = self.cursors.verify(cursor, &criteria.cursor_scope());
                let position =
                    position.ok_or_else(|| Violations::one("cursor", "is not a cursor of this list"))?;
                Ok(PageStart::After(position))
            }
        }
    }
}
