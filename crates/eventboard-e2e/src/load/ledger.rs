//! The writes that one client has sent, and what the client knows about their outcome.

use std::collections::{BTreeMap, BTreeSet};

use crate::Actor;

/// The writes that one client has sent. Titles are unique, so that duplicates can be detected.
#[derive(Clone)]
pub struct Ledger {
    /// The client.
    pub actor: Actor,
    /// Titles of acknowledged events, by id.
    pub created: BTreeMap<String, String>,
    /// Ids of events whose submission was acknowledged.
    pub submitted: BTreeSet<String>,
    /// Titles of events whose create request had no key and has an unknown outcome.
    pub possibly_created: BTreeSet<String>,
    /// Ids of events whose submit request had no key and has an unknown outcome.
    pub possibly_submitted: BTreeSet<String>,
}

impl Ledger {
    /// The ledger of a client without any writes.
    pub fn new(actor: Actor) -> Self {
        Self {
            actor,
            created: BTreeMap::new(),
            submitted: BTreeSet::new(),
            possibly_created: BTreeSet::new(),
            possibly_submitted: BTreeSet::new(),
        }
    }

    /// Finds a draft that can be submitted, which means that no submission of it is acknowledged, possible or
    /// pending.
    pub(super) fn unsubmitted_draft(&self, is_pending: impl Fn(&str) -> bool) -> Option<String> {
        let is_draft = |id: &&String| {
            !self.submitted.contains(*id) && !self.possibly_submitted.contains(*id) && !is_pending(id)
        };
        self.created.keys().rev().find(is_draft).cloned()
    }
}
