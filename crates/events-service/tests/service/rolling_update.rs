//! Tests of a rolling update. Replicas of the previous version, which has no column `service`, run beside replicas of
//! this version. A retry that reaches the other version must not perform the write again.

use std::time::Duration;

use eventboard_domain::Role;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, Event, RejectRequest, SubmitRequest, UpdateRequest,
};
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
    pub(super) const UPDATE: &str = r#"
        update "Event" set title = $3, description = $4, location = $5, "startDate" = $6, "endDate" = $7,
            "updatedAt" = $8, version = $9
        where id = $1 and "organizationId" = $2
        "#;
    pub(super) const SUBMIT: &str = r#"
        update "Event" set status = 'SUBMITTED', "rejectionReason" = null, "updatedAt" = $2, version = version + 1 where id = $1
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

    /// Writes the event, which must exist.
    async fn update(&mut self, event: &Event) {
        let update = sqlx::query(previous_version::UPDATE)
            .bind(Uuid::parse_str(&event.id).unwrap())
            .bind(Uuid::parse_str(&event.organization_id).unwrap())
            .bind(&event.title)
            .bind(&event.description)
            .bind(event.location.as_deref())
            .bind(instant(event.start_date))
            .bind(instant(event.end_date))
            .bind(instant(event.updated_at))
            .bind(event.version);
        assert_eq!(update.execute(&mut self.connection).await.unwrap().rows_affected(), 1);
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

#[tokio::test]
async fn what_the_previous_version_submits_waits_since_then() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let moderator = replica.actor(&organization, Role::Moderator);
    let event = owner.create_submitted("Submitted by both versions").await;
    let first = event.submitted_at.unwrap();
    let reject = RejectRequest { id: event.id.clone(), reason: "Not this time".into(), ..Default::default() };
    moderator.reject(reject).await.unwrap();

    let later = prost_types::Timestamp { seconds: first.seconds + 60, ..first };
    let submit = sqlx::query(previous_version::SUBMIT).bind(Uuid::parse_str(&event.id).unwrap());
    submit.bind(instant(Some(later))).execute(&mut database.connect().await).await.unwrap();

    assert_eq!(owner.find(&event.id).await.unwrap().submitted_at, Some(later));
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
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        old.store_response("Submit", "both", &submitted).await;
        sqlx::raw_sql("commit").execute(&mut old.connection).await.unwrap();
    };
    let (replayed, ()) = tokio::join!(owner.submit(submit("both")), performing);

    assert!(replayed.unwrap().replayed);
    old.connection.close().await.unwrap();
}

/// Waits until a replica has folded all events.
async fn wait_until_folded(database: &TestDatabase) {
    let unfolded = r#"select count(*) from "Event" where "foldedVersion" is null"#;
    while count(database, unfolded).await > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns the titles of the events in which a search finds this folded text, in the order of the folded titles.
async fn found(database: &TestDatabase, folded: &str) -> Vec<String> {
    let select = r#"select title from "Event" where strpos("searchText", $1) > 0 order by "foldedTitle", id"#;
    let titles = sqlx::query_scalar(select).bind(folded).fetch_all(&mut database.connect().await).await;
    titles.unwrap()
}

#[tokio::test]
async fn what_the_previous_version_writes_is_folded_by_a_replica_of_this_version() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let last = owner.create_draft("Straße 3").await;
    let first = Event { id: Uuid::now_v7().to_string(), title: "STRASSE 1".into(), ..last.clone() };
    let second = Event { id: Uuid::now_v7().to_string(), title: "straße 2".into(), ..last.clone() };
    assert_eq!(found(&database, "strasse").await, ["Straße 3"]);

    assert!(old.create("first", &[7; 32], &first).await && old.create("second", &[7; 32], &second).await);
    let changed = Event { title: "Straße 0".into(), version: 2, ..last };
    old.update(&changed).await;
    assert_eq!(
        found(&database, "straße").await,
        ["Straße 0", "straße 2"],
        "approximate until they are folded"
    );

    wait_until_folded(&database).await;
    assert_eq!(found(&database, "strasse").await, ["Straße 0", "STRASSE 1", "straße 2"]);
    assert_eq!(found(&database, "straße").await, Vec::<String>::new());
}

#[tokio::test]
async fn folded_texts_stay_when_only_the_case_or_the_status_changes() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let mut old = OldReplica { connection: database.connect().await, caller: owner.identity.user_id };
    let folded = r#"select count(*) from "Event" where "foldedVersion" is not null and "foldedTitle" = 'strasse' and "searchText" like
        E'strasse\x1fa description%'"#;

    let created = owner.create_draft("Straße").await;
    assert_eq!(count(&database, folded).await, 1);
    old.update(&Event { title: "STRAßE".into(), version: 2, ..created.clone() }).await;
    wait_until_folded(&database).await;
    assert_eq!(count(&database, folded).await, 1);
    // Also if lower case does not make the texts equal.
    for title in ["straße", "Strasse", "STRAẞE"] {
        let update =
            UpdateRequest { id: created.id.clone(), title: Some(title.into()), ..Default::default() };
        owner.update(update).await.unwrap();
        assert_eq!(count(&database, folded).await, 1, "{title}");
    }
    owner.submit(SubmitRequest { id: created.id.clone(), ..Default::default() }).await.unwrap();
    assert_eq!(count(&database, folded).await, 1);
    moderator.approve(ApproveRequest { id: created.id, ..Default::default() }).await.unwrap();
    assert_eq!(count(&database, folded).await, 1);
}

#[tokio::test]
async fn an_update_folds_the_new_texts() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let id = owner.create_draft("Before").await.id;

    let title = UpdateRequest { id: id.clone(), title: Some("ΚΌΣΜΟΣ".into()), ..Default::default() };
    owner.update(title).await.unwrap();
    let description =
        UpdateRequest { id, description: Some("DIE GRO\u{308}SSE".into()), ..Default::default() };
    owner.update(description).await.unwrap();

    let folded = r#"select count(*) from "Event" where "foldedVersion" is not null and "foldedTitle" = 'κόσμοσ'
        and "searchText" = E'κόσμοσ\x1fdie grösse'"#;
    assert_eq!(count(&database, folded).await, 1);
}
