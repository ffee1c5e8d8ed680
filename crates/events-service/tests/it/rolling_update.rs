//! Replicas of the version before, which know no `service` of a key, beside one of this version: a retry that comes to
//! the other one has no second effect.

use eventboard_domain::Role;
use eventboard_proto::events::{CreateRequest, Event, SubmitRequest};
use eventboard_testing::TestDatabase;
use prost::Message;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::support::{Organization, Replica, count, draft, history, key};

/// The statements of the version before, word for word.
mod before {
    pub(super) const CREATE: &str = r#"
        with claimed as (
            insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
            values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
            on conflict on constraint idempotency_key_pkey do update
            set fingerprint = excluded.fingerprint, "requestId" = excluded."requestId", response = excluded.response,
                "createdAt" = excluded."createdAt", "expiresAt" = excluded."expiresAt"
            where "IdempotencyKey"."expiresAt" <= now()
            returning 1
        ), created as (
            insert into "Event" (id, "organizationId", "createdById", title, description, location,
                "startDate", "endDate", "createdAt", "updatedAt", version)
            select $8::uuid, $9::uuid, $1, $10, $11, $12, $13::timestamptz, $14::timestamptz, $15::timestamptz,
                $15::timestamptz, $16::bigint
            from claimed
            returning id, "organizationId", "createdById", status
        ), recorded as (
            insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
            select id, "organizationId", "createdById", 'CREATE', status from created
        )
        select 1 as claimed from claimed
        "#;
    pub(super) const CLAIM: &str = r#"
        insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
        values ($1, $2, $3, $4, $5, '', now() + $6 * interval '1 second')
        on conflict on constraint idempotency_key_pkey do update
        set fingerprint = excluded.fingerprint, "requestId" = excluded."requestId", response = excluded.response,
            "createdAt" = excluded."createdAt", "expiresAt" = excluded."expiresAt"
        where "IdempotencyKey"."expiresAt" <= now()
        "#;
    pub(super) const STORED: &str = r#"
        select fingerprint, "requestId" as request_id, response,
            extract(epoch from "expiresAt" - now())::float8 as "seconds_left!"
        from "IdempotencyKey" where "callerId" = $1 and operation = $2 and key = $3
        "#;
    pub(super) const ANSWER: &str = r#"
        update "IdempotencyKey" set response = $4 where "callerId" = $1 and operation = $2 and key = $3
        "#;
}

/// A replica of the version before, as far as the database sees it.
struct OldReplica {
    connection: PgConnection,
    caller: Uuid,
}

impl OldReplica {
    /// Whether the key was free, and so the event created.
    async fn create(&mut self, key: &str, fingerprint: &[u8], event: &Event) -> bool {
        let claimed = sqlx::query(before::CREATE)
            .bind(self.caller)
            .bind("Create")
            .bind(key)
            .bind(fingerprint)
            .bind(Uuid::now_v7())
            .bind(event.encode_to_vec())
            .bind(60.0)
            .bind(Uuid::parse_str(&event.id).unwrap())
            .bind(Uuid::parse_str(&event.organization_id).unwrap())
            .bind(&event.title)
            .bind(&event.description)
            .bind(event.location.as_deref())
            .bind(instant(event.start_date))
            .bind(instant(event.end_date))
            .bind(instant(event.created_at))
            .bind(event.version);
        claimed.fetch_optional(&mut self.connection).await.unwrap().is_some()
    }

    /// Whether the key was free.
    async fn claim(&mut self, operation: &str, key: &str, fingerprint: &[u8]) -> bool {
        let claimed = sqlx::query(before::CLAIM)
            .bind(self.caller)
            .bind(operation)
            .bind(key)
            .bind(fingerprint)
            .bind(Uuid::now_v7())
            .bind(60.0);
        claimed.execute(&mut self.connection).await.unwrap().rows_affected() == 1
    }

    async fn answer(&mut self, operation: &str, key: &str, response: &Event) {
        let answered = sqlx::query(before::ANSWER)
            .bind(self.caller)
            .bind(operation)
            .bind(key)
            .bind(response.encode_to_vec());
        assert_eq!(answered.execute(&mut self.connection).await.unwrap().rows_affected(), 1);
    }

    /// The fingerprint and the response of a key.
    async fn stored(&mut self, operation: &str, key: &str) -> (Vec<u8>, Event) {
        let stored = sqlx::query(before::STORED).bind(self.caller).bind(operation).bind(key);
        let row = stored.fetch_one(&mut self.connection).await.unwrap();
        (row.get("fingerprint"), Event::decode(row.get::<&[u8], _>("response")).unwrap())
    }
}

fn instant(timestamp: Option<prost_types::Timestamp>) -> chrono::DateTime<chrono::Utc> {
    eventboard_proto::convert::instant(&timestamp.unwrap()).unwrap()
}

const EVENTS: &str = r#"select count(*) from "Event""#;

#[tokio::test]
async fn a_create_is_found_by_the_other_version_in_both_directions() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let keyed = |name: &str| CreateRequest { idempotency: key(name), ..draft("Once, whoever is asked") };

    let created = owner.create(keyed("by this version")).await.unwrap().event.unwrap();
    let (fingerprint, stored) = old.stored("Create", "by this version").await;
    assert_eq!(stored, created);
    let again = Event { id: Uuid::now_v7().to_string(), ..created };
    assert!(!old.create("by this version", &fingerprint, &again).await);
    assert_eq!(count(&database, EVENTS).await, 1);

    assert!(old.create("by the version before", &fingerprint, &again).await);
    let replayed = owner.create(keyed("by the version before")).await.unwrap();
    assert_eq!((replayed.event, replayed.replayed), (Some(again), true));
    assert_eq!(count(&database, EVENTS).await, 2);
}

#[tokio::test]
async fn a_change_is_found_by_the_other_version_in_both_directions() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let id = owner.created("Submitted once").await.id;
    let submit = |name: &str| SubmitRequest { id: id.clone(), if_match: None, idempotency: key(name) };

    let submitted = owner.submit(submit("by this version")).await.unwrap().event.unwrap();
    let (fingerprint, stored) = old.stored("Submit", "by this version").await;
    assert_eq!(stored, submitted);
    assert!(!old.claim("Submit", "by this version", &fingerprint).await);

    assert!(old.claim("Submit", "by the version before", &fingerprint).await);
    old.answer("Submit", "by the version before", &submitted).await;
    let replayed = owner.submit(submit("by the version before")).await.unwrap();
    assert_eq!((replayed.event, replayed.replayed), (Some(submitted), true));
    assert_eq!(history(&database, &id).await.len(), 2, "created and submitted once");
}

#[tokio::test]
async fn a_write_waits_for_the_version_before_and_replays_what_that_one_did() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let id = owner.created("Submitted by both").await.id;
    let submit = |name: &str| SubmitRequest { id: id.clone(), if_match: None, idempotency: key(name) };
    let submitted = owner.submit(submit("to learn the fingerprint")).await.unwrap().event.unwrap();
    let (fingerprint, _) = old.stored("Submit", "to learn the fingerprint").await;

    sqlx::raw_sql("begin").execute(&mut old.connection).await.unwrap();
    assert!(old.claim("Submit", "both", &fingerprint).await);
    let performing = async {
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        while count(&database, waiting).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        old.answer("Submit", "both", &submitted).await;
        sqlx::raw_sql("commit").execute(&mut old.connection).await.unwrap();
    };
    let (replayed, ()) = tokio::join!(owner.submit(submit("both")), performing);

    assert!(replayed.unwrap().replayed);
    old.connection.close().await.unwrap();
}
