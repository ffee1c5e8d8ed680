//! Counters by key, for what each client holds.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

/// How much each key holds. A key that holds nothing takes no memory.
#[derive(Debug)]
pub(crate) struct Counts<K>(HashMap<K, usize>);

impl<K: Hash + Eq> Counts<K> {
    pub(crate) fn get(&self, key: &K) -> usize {
        self.0.get(key).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, key: K, count: usize) {
        if count > 0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    /// Removes what was added.
    pub(crate) fn remove(&mut self, key: K, count: usize) {
        let Entry::Occupied(mut entry) = self.0.entry(key) else { return };
        *entry.get_mut() -= count;
        if *entry.get() == 0 {
            entry.remove();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn as_map(&self) -> &HashMap<K, usize> {
        &self.0
    }
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}
