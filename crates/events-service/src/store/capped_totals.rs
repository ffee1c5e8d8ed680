//! Caches which lists have more rows than are counted, so that the rows are not counted again.
//!
//! When a search text is a frequent word, counting to 10,000 takes a thousand times as long as finding the first
//! page. That a total is above the exact range stays true for a while, so it can be cached. To be safe, a list is
//! cached only if its total exceeds the range by a margin, and only for a minute. A page that shows otherwise is right.

use std::time::Duration;

use eventboard_domain::SortBy;
use moka::sync::Cache;

use crate::listing::{ListCriteria, MAX_EXACT_TOTAL};

/// The number of rows at which counting stops. A list that reaches this number is cached, because it is unlikely to
/// lose 1000 rows within a minute.
pub(super) const COUNT_LIMIT: u32 = MAX_EXACT_TOTAL + 1000;

const TTL: Duration = Duration::from_secs(60);

/// The maximum number of cached lists. An entry takes some hundred bytes.
const CAPACITY: u64 = 10_000;

/// The lists whose count reached [`COUNT_LIMIT`] in the last minute.
#[derive(Clone)]
pub(super) struct CappedTotals(Cache<ListCriteria, ()>);

impl CappedTotals {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build())
    }

    pub(super) fn insert(&self, criteria: &ListCriteria) {
        self.0.insert(without_sort_order(criteria), ());
    }

    /// Forgets a list that has become shorter.
    pub(super) fn remove(&self, criteria: &ListCriteria) {
        self.0.invalidate(&without_sort_order(criteria));
    }

    pub(super) fn contains(&self, criteria: &ListCriteria) -> bool {
        self.0.contains_key(&without_sort_order(criteria))
    }
}

/// Normalizes the sort order, which does not affect the number of rows. The visibility stays in the cache key,
/// because callers may see different events.
fn without_sort_order(criteria: &ListCriteria) -> ListCriteria {
    ListCriteria { sort_by: SortBy::StartDate, descending: false, ..criteria.clone() }
}
