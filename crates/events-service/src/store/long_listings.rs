//! Which listings are known to be long, so that nobody counts them again.
//!
//! Counting to 10,000 costs a search for a frequent word a thousand times as much as finding its first page. That a total
//! is beyond what is counted exactly can be remembered, because it stays true for a while: only a listing that is longer
//! by a good margin is, and only for a minute.

use std::time::Duration;

use eventboard_domain::SortBy;
use moka::sync::Cache;

use crate::listing::{Filter, MAX_EXACT_TOTAL};

/// Rows are counted up to here. A listing as long as this is remembered: in a minute it does not lose a thousand rows.
pub(super) const COUNTED: u32 = MAX_EXACT_TOTAL + 1000;

const TTL: Duration = Duration::from_secs(60);

/// Listings at most; one is some hundred bytes.
const CAPACITY: u64 = 10_000;

/// The long listings of the last minute.
#[derive(Clone)]
pub(super) struct LongListings(Cache<Filter, ()>);

impl LongListings {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build())
    }

    pub(super) fn remember(&self, filter: &Filter) {
        self.0.insert(in_any_order(filter), ());
    }

    pub(super) fn contains(&self, filter: &Filter) -> bool {
        self.0.contains_key(&in_any_order(filter))
    }
}

/// The order does not change how many rows there are. The caller stays part of it where the caller sees only a part.
fn in_any_order(filter: &Filter) -> Filter {
    Filter { sort_by: SortBy::StartDate, descending: false, ..filter.clone() }
}
