//! What one client knows about its writes.

use std::collections::{BTreeMap, BTreeSet};

use crate::Actor;

/// Titles are unique, so that an effect that happened twice shows.
#[derive(Clone)]
pub struct Ledger {
    /// The client.
    pub actor: Actor,
    /// Acknowledged events: the title by id.
    pub created: BTreeMap<String, String>,
    /// Ids of events whose submission was acknowledged.
    pub submitted: BTreeSet<String>,
    /// Titles of creates without a key whose outcome is open: they exist or they do not.
    pub perhaps_created: BTreeSet<String>,
    /// Ids of events whose submission without a key has an open outcome.
    pub perhaps_submitted: BTreeSet<String>,
}

impl Ledger {
    /// Of a client that has done nothing yet.
    pub fn of(actor: Actor) -> Self {
        Self {
            actor,
            created: BTreeMap::new(),
            submitted: BTreeSet::new(),
            perhaps_created: BTreeSet::new(),
            perhaps_submitted: BTreeSet::new(),
        }
    }

    /// A draft to submit, if there is one about which nothing is open.
    pub(super) fn draft(&self, is_open: impl Fn(&str) -> bool) -> Option<String> {
        let is_draft = |id: &&String| {
            !self.submitted.contains(*id) && !self.perhaps_submitted.contains(*id) && !is_open(id)
        };
        self.created.keys().rev().find(is_draft).cloned()
    }
}
