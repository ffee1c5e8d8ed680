//! Whether what was acknowledged is there, once, for the clients and in the database that they share with others.

use std::collections::{BTreeMap, BTreeSet};

use crate::url;
use futures::future::join_all;
use sqlx::{FromRow, PgConnection};

use super::{Ledger, Outcome};

/// An event with how often its history tells of each.
#[derive(FromRow)]
struct Kept {
    id: String,
    title: String,
    status: String,
    creates: i64,
    submits: i64,
}

const KEPT: &str = r#"
    select e.id::text as id, e.title, e.status::text as status,
        count(*) filter (where h.action = 'CREATE') as creates,
        count(*) filter (where h.action = 'SUBMIT') as submits
    from "Event" e left join "EventHistory" h on h."eventId" = e.id
    where e."organizationId" = any($1)
    group by e.id
"#;

impl Outcome {
    /// Asserts that no acknowledged write is lost and that none happened twice.
    pub async fn verify(&self, database: &mut PgConnection) {
        self.verify_in(database).await;
        join_all(self.ledgers.iter().map(|ledger| self.verify_as_client(ledger))).await;
    }

    async fn verify_in(&self, database: &mut PgConnection) {
        let organizations: Vec<_> =
            self.ledgers.iter().map(|ledger| ledger.actor.organization_id()).collect();
        let kept: Vec<Kept> = sqlx::query_as(KEPT).bind(organizations).fetch_all(database).await.unwrap();
        let titles: BTreeSet<_> = kept.iter().map(|event| &event.title).collect();
        assert_eq!(titles.len(), kept.len(), "an event was created twice");
        let by_id: BTreeMap<_, _> = kept.iter().map(|event| (event.id.as_str(), event)).collect();
        for ledger in &self.ledgers {
            for (id, title) in &ledger.created {
                let event = by_id.get(id.as_str()).unwrap_or_else(|| panic!("lost: {id} {title}"));
                assert_eq!((&event.title, event.creates), (title, 1), "{id}");
                let is_submitted = ledger.submitted.contains(id);
                let may_be = is_submitted || ledger.perhaps_submitted.contains(id);
                let expected = if is_submitted { 1..=1 } else { 0..=i64::from(may_be) };
                assert!(expected.contains(&event.submits), "{id} {title}: {} submits", event.submits);
                assert_eq!(event.status == "SUBMITTED", event.submits == 1, "{id} {title}");
            }
        }
        self.assert_nothing_else(&kept);
    }

    /// What nobody was told of was at least asked for, without a key.
    fn assert_nothing_else(&self, kept: &[Kept]) {
        let known = |event: &Kept| self.ledgers.iter().any(|ledger| ledger.created.contains_key(&event.id));
        for event in kept.iter().filter(|event| !known(event)) {
            let asked_for = self.ledgers.iter().any(|ledger| ledger.perhaps_created.contains(&event.title));
            assert!(asked_for, "nobody wanted {}", event.title);
            assert_eq!((event.creates, event.submits), (1, 0), "{}", event.title);
        }
    }

    /// Asserts that a client gets every event that was acknowledged to it.
    async fn verify_as_client(&self, ledger: &Ledger) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for (id, title) in &ledger.created {
            let request = client.get(url(self.gateways[0], &format!("/events/{id}")));
            let answer = crate::send(request.bearer_auth(&ledger.actor.token)).await.expect(200);
            assert_eq!(answer.body["title"], **title);
            if ledger.submitted.contains(id) {
                assert_eq!(answer.body["status"], "SUBMITTED", "{id} {title}");
            }
        }
    }
}
