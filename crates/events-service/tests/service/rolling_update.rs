//! Tests of a rolling update. Replicas of the previous version, which has no column `service`, run beside replicas of
//! this version. A retry that reaches the other version must not perform the write again.

use eventboard_domain::Role;
use eventboard_proto::events::{CreateRequest, Event, SubmitRequest};
use eventboard_testing::TestDatabase;
use prost::Message;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::support::{Organization, Replica, count, draft, history, key};

/// The statements of the previous version, verbatim.
mod previous_version {
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
    pub(super) const LOAD_RESPONSE: &str = r#"
        select fingerprint, "requestId" as request_id, response,
            extract(epoch from "expiresAt" - now())::float8 as "seconds_left!"
        from "IdempotencyKey" where "callerId" = $1 and operation = $2 and key = $3
        "#;
    pub(super) const STORE_RESPONSE: &str = r#"
        update "IdempotencyKey" set response = $4 where "callerId" = $1 and operation = $2 and key = $3
        "#;
}

/// Executes the same statements as a replica of the previous version.
struct OldReplica {
    connection: PgConnection,
    caller: Uuid,
}

impl OldReplica {
    /// Creates the event. Returns `false` when the key was not free.
    async fn create(&mut self, key: &str, fingerprint: &[u8], event: &Event) -> bool {
        let claimed = sqlx::query(previous_version::CREATE)
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

    /// Claims the key. Returns `false` when the key was not free.
    async fn claim_key(&mut self, operation: &str, key: &str, fingerprint: &[u8]) -> bool {
        let claimed = sqlx::query(previous_version::CLAIM)
            .bind(self.caller)
            .bind(operation)
            .bind(key)
            .bind(fingerprint)
            .bind(Uuid::now_v7())
            .bind(60.0);
        claimed.execute(&mut self.connection).await.unwrap().rows_affected() == 1
    }

    async fn store_response(&mut self, operation: &str, key: &str, response: &Event) {
        let update = sqlx::query(previous_version::STORE_RESPONSE)
            .bind(self.caller)
            .bind(operation)
            .bind(key)
            .bind(response.encode_to_vec());
        assert_eq!(update.execute(&mut self.connection).await.unwrap().rows_affected(), 1);
    }

    /// Returns the fingerprint and the response that are stored with a key.
    async fn load_response(&mut self, operation: &str, key: &str) -> (Vec<u8>, Event) {
        let select = sqlx::query(previous_version::LOAD_RESPONSE).bind(self.caller).bind(operation).bind(key);
        let row = select.fetch_one(&mut self.connection).await.unwrap();
        (row.get("fingerprint"), Event::decode(row.get::<&[u8], _>("response")).unwrap())
    }
}

fn instant(timestamp: Option<prost_types::Timestamp>) -> chrono::DateTime<chrono::Utc> {
    eventboard_proto::convert::instant(&timestamp.unwrap()).unwrap()
}

const EVENTS: &str = r#"select count(*) from "Event""#;

#[tokio::test]
async fn each_version_replays_a_create_of_the_other_version() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let with_key = |name: &str| CreateRequest { idempotency: key(name), ..draft("Created once") };

    let created = owner.create(with_key("by this version")).await.unwrap().event.unwrap();
    let (fingerprint, stored) = old.load_response("Create", "by this version").await;
    assert_eq!(stored, created);
    let other_event = Event { id: Uuid::now_v7().to_string(), ..created };
    assert!(!old.create("by this version", &fingerprint, &other_event).await);
    assert_eq!(count(&database, EVENTS).await, 1);

    assert!(old.create("by the previous version", &fingerprint, &other_event).await);
    let replayed = owner.create(with_key("by the previous version")).await.unwrap();
    assert_eq!((replayed.event, replayed.replayed), (Some(other_event), true));
    assert_eq!(count(&database, EVENTS).await, 2);
}

#[tokio::test]
async fn each_version_replays_a_change_of_the_other_version() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let id = owner.create_draft("Submitted once").await.id;
    let submit = |name: &str| SubmitRequest {
        id: id.clone(),
        if_match: None,
        if_none_match: None,
        idempotency: key(name),
    };

    let submitted = owner.submit(submit("by this version")).await.unwrap().event.unwrap();
    let (fingerprint, stored) = old.load_response("Submit", "by this version").await;
    assert_eq!(stored, submitted);
    assert!(!old.claim_key("Submit", "by this version", &fingerprint).await);

    assert!(old.claim_key("Submit", "by the previous version", &fingerprint).await);
    old.store_response("Submit", "by the previous version", &submitted).await;
    let replayed = owner.submit(submit("by the previous version")).await.unwrap();
    assert_eq!((replayed.event, replayed.replayed), (Some(submitted), true));
    assert_eq!(history(&database, &id).await.len(), 2, "created and submitted once");
}

#[tokio::test]
async fn a_write_waits_for_the_previous_version_and_replays_its_response() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let id = owner.create_draft("Submitted by both").await.id;
    let submit = |name: &str| SubmitRequest {
        id: id.clone(),
        if_match: None,
        if_none_match: None,
        idempotency: key(name),
    };
    let submitted = owner.submit(submit("to get the fingerprint")).await.unwrap().event.unwrap();
    let (fingerprint, _) = old.load_response("Submit", "to get the fingerprint").await;

    sqlx::raw_sql("begin").execute(&mut old.connection).await.unwrap();
    assert!(old.claim_key("Submit", "both", &fingerprint).await);
    let performing = async {
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        while count(&database, waiting).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        old.store_response("Submit", "both", &submitted).await;
        sqlx::raw_sql("commit").execute(&mut old.connection).await.unwrap();
    };
    let (replayed, ()) = tokio::join!(owner.submit(submit("both")), performing);

    assert!(replayed.unwrap().replayed);
    old.connection.close().await.unwrap();
}
