//! Remembers how many events long lists have at least, so that these are not counted for every page.
//!
//! When a search text is a frequent word, counting takes a thousand times as long as finding the first page. That a list
//! has at least a number of events stays true for a while. To be safe, it is remembered only for a minute. A page that
//! shows otherwise is right.

use std::time::Duration;

use eventboard_domain::SortBy;
use moka::sync::Cache;

use crate::listing::{ListCriteria, MAX_EXACT_TOTAL};

/// The number of events at which counting stops. A list that reaches this number is remembered, because it is unlikely to
/// lose 1000 events within a minute.
pub(super) const COUNT_LIMIT: u32 = MAX_EXACT_TOTAL + 1000;

const TTL: Duration = Duration::from_secs(60);

/// The maximum number of lists. An entry takes some hundred bytes.
const CAPACITY: u64 = 10_000;

/// How many events a list has at least, by its criteria.
#[derive(Clone)]
pub(super) struct LongLists(Cache<ListCriteria, u64>);

impl LongLists {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build())
    }

    pub(super) fn insert(&self, criteria: &ListCriteria, at_least: u64) {
        self.0.insert(without_sort_order(criteria), at_least);
    }

    /// Forgets a list that has become shorter.
    pub(super) fn remove(&self, criteria: &ListCriteria) {
        self.0.invalidate(&without_sort_order(criteria));
    }

    pub(super) fn get(&self, criteria: &ListCriteria) -> Option<u64> {
        self.0.get(&without_sort_order(criteria))
    }
}

/// Normalizes the sort order, which does not affect the number of events. The visibility stays in the cache key, because
/// callers may see different events.
fn without_sort_order(criteria: &ListCriteria) -> ListCriteria {
    ListCriteria { sort_by: SortBy::StartDate, descending: false, ..criteria.clone() }
}
