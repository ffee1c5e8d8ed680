//! Verifies that every acknowledged write exists exactly once, in the database and in the responses to the clients.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use sqlx::{FromRow, PgConnection};

use super::{Ledger, Outcome};

/// An event in the database, with the number of create and submit entries in its history.
#[derive(FromRow)]
struct StoredEvent {
    id: String,
    title: String,
    status: String,
    creates: i64,
    submits: i64,
}

const STORED_EVENTS: &str = r#"
    select e.id::text as id, e.title, e.status::text as status,
        count(*) filter (where h.action = 'CREATE') as creates,
        count(*) filter (where h.action = 'SUBMIT') as submits
    from "Event" e left join "EventHistory" h on h."eventId" = e.id
    where e."organizationId" = any($1)
    group by e.id
"#;

impl Outcome {
    /// Asserts that no acknowledged write is lost or duplicated.
    pub async fn verify(&self, database: &mut PgConnection) {
        self.verify_database(database).await;
        join_all(self.ledgers.iter().map(|ledger| self.verify_with_client(ledger))).await;
    }

    async fn verify_database(&self, database: &mut PgConnection) {
        let organizations: Vec<_> =
            self.ledgers.iter().map(|ledger| ledger.actor.organization_id()).collect();
        let stored: Vec<StoredEvent> =
            sqlx::query_as(STORED_EVENTS).bind(organizations).fetch_all(database).await.unwrap();
        let titles: BTreeSet<_> = stored.iter().map(|event| &event.title).collect();
        assert_eq!(titles.len(), stored.len(), "an event was created twice");
        let by_id: BTreeMap<_, _> = stored.iter().map(|event| (event.id.as_str(), event)).collect();
        for ledger in &self.ledgers {
            for (id, title) in &ledger.created {
                let event = by_id.get(id.as_str()).unwrap_or_else(|| panic!("lost: {id} {title}"));
                assert_eq!((&event.title, event.creates), (title, 1), "{id}");
                let is_submitted = ledger.submitted.contains(id);
                let may_be_submitted = is_submitted || ledger.possibly_submitted.contains(id);
                let expected = if is_submitted { 1..=1 } else { 0..=i64::from(may_be_submitted) };
                assert!(expected.contains(&event.submits), "{id} {title}: {} submits", event.submits);
                assert_eq!(event.status == "SUBMITTED", event.submits == 1, "{id} {title}");
            }
        }
        self.assert_no_unexpected_events(&stored);
    }

    /// Asserts that every event that was not acknowledged comes from a create request without a key.
    fn assert_no_unexpected_events(&self, stored: &[StoredEvent]) {
        let is_acknowledged =
            |event: &StoredEvent| self.ledgers.iter().any(|ledger| ledger.created.contains_key(&event.id));
        for event in stored.iter().filter(|event| !is_acknowledged(event)) {
            let was_requested =
                self.ledgers.iter().any(|ledger| ledger.possibly_created.contains(&event.title));
            assert!(was_requested, "unexpected event: {}", event.title);
            assert_eq!((event.creates, event.submits), (1, 0), "{}", event.title);
        }
    }

    /// Asserts that a client can read every event whose creation was acknowledged to it.
    async fn verify_with_client(&self, ledger: &Ledger) {
        for (id, title) in &ledger.created {
            let response = ledger.actor.get(&format!("/events/{id}")).await.expect(200);
            assert_eq!(response.body["title"], **title);
            if ledger.submitted.contains(id) {
                assert_eq!(response.body["status"], "SUBMITTED", "{id} {title}");
            }
        }
    }
}
