//! Tests of idempotency keys with a real PostgreSQL, and of concurrent calls with the same key.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{Identity, Refusal, Role, TokenSession};
use eventboard_idempotency::{
    Fingerprint, Idempotency, RequestKey, ResponseSource, ScopedKey, StoredResponse, claim_key,
    load_response, store_response,
};
use eventboard_testing::TestDatabase;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const CALLER: Identity = Identity {
    user_id: Uuid::nil(),
    organization_id: Uuid::nil(),
    role: Role::User,
    session: TokenSession::UNDATED,
};

fn key(idempotency: &Idempotency, generated: bool, text: &str) -> ScopedKey {
    let request_key = RequestKey { key: "k".into(), request_id: Uuid::now_v7(), generated };
    let fingerprint = Fingerprint::of("Method").text("text", Some(text)).finish();
    idempotency.scoped_key(&CALLER, "Method", request_key, fingerprint)
}

/// Connects to a database in which the caller exists.
async fn connect(database: &TestDatabase) -> PgConnection {
    let mut connection = database.connect().await;
    sqlx::raw_sql(
        r#"insert into "Organization" (id, name, slug)
            values ('00000000-0000-0000-0000-000000000000', 'Some name', 'some-name');
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
            select id, id, 'user@example.org', 'F', 'L', 'USER', '$argon2id$' from "Organization""#,
    )
    .execute(&mut connection)
    .await
    .expect("the user is inserted");
    connection
}

/// The check of a caller whose token is current.
async fn caller_is_current() -> Result<(), ServiceError> {
    Ok(())
}

#[tokio::test]
async fn the_same_key_can_be_used_in_two_services() {
    let database = TestDatabase::create().await;
    let mut connection = connect(&database).await;
    for service in ["auth-service", "events-service"] {
        let key = key(&Idempotency::new(service, DAY), false, "the same");
        assert_eq!(key.operation.to_string(), format!("{service}/Method"));

        let mut transaction = connection.begin().await.unwrap();
        assert!(claim_key(&mut transaction, &key).await.unwrap().is_none());
        store_response(&mut transaction, &key, service.into()).await.unwrap();
        transaction.commit().await.unwrap();

        let mut transaction = connection.begin().await.unwrap();
        let stored = claim_key(&mut transaction, &key).await.unwrap().unwrap();
        assert_eq!((&*stored.response, stored.request_id), (service.as_bytes(), key.request_id));
    }
}

#[tokio::test]
async fn a_key_is_free_after_its_claim_is_rolled_back() {
    let database = TestDatabase::create().await;
    let mut connection = connect(&database).await;
    let key = key(&Idempotency::new("tests", DAY), false, "a text");
    for _ in 0..2 {
        let mut transaction = connection.begin().await.unwrap();
        assert!(claim_key(&mut transaction, &key).await.unwrap().is_none());
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn the_response_of_a_key_can_be_loaded_without_claiming_the_key() {
    let database = TestDatabase::create().await;
    let mut connection = connect(&database).await;
    let key = key(&Idempotency::new("tests", DAY), false, "a text");
    assert!(load_response(&mut connection, &key).await.unwrap().is_none(), "free");
    let mut transaction = connection.begin().await.unwrap();
    assert!(claim_key(&mut transaction, &key).await.unwrap().is_none());
    store_response(&mut transaction, &key, b"response".into()).await.unwrap();
    transaction.commit().await.unwrap();

    let stored = load_response(&mut connection, &key).await.unwrap().unwrap();
    assert_eq!((&*stored.response, stored.request_id), (&b"response"[..], key.request_id));
    let outdated = ScopedKey { caller: Identity { role: Role::Admin, ..CALLER }, ..key.clone() };
    let refused = load_response(&mut connection, &outdated).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unauthenticated);
    database.expire_keys().await;
    assert!(load_response(&mut connection, &key).await.unwrap().is_none(), "expired");
}

/// A write that counts how often it was performed.
#[derive(Default)]
struct CountedWrite(AtomicU32);

impl CountedWrite {
    async fn perform(&self, key: &ScopedKey) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok((key.to_stored(*b"response"), ResponseSource::Performed))
    }

    /// Fails the first time, and performs the write after that.
    async fn fail_then_perform(
        &self,
        key: &ScopedKey,
    ) -> Result<(StoredResponse, ResponseSource), ServiceError> {
        let performed = self.perform(key).await?;
        if self.count() == 1 {
            Err(ServiceError::new(ErrorCode::Unavailable, "Not now."))
        } else {
            Ok(performed)
        }
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn of_two_identical_concurrent_calls_one_performs_the_write_and_one_is_a_replay() {
    let (idempotency, write) = (Idempotency::new("tests", DAY), CountedWrite::default());
    let [one, other] = [(); 2].map(|()| key(&idempotency, false, "the same"));
    let (one, other) = tokio::join!(
        idempotency.perform_once(&one, || write.perform(&one), caller_is_current),
        idempotency.perform_once(&other, || write.perform(&other), caller_is_current),
    );
    assert_eq!(write.count(), 1);
    assert_ne!(one.unwrap().replayed, other.unwrap().replayed);
}

#[tokio::test]
async fn a_waiting_call_performs_the_write_when_the_first_call_fails() {
    let (idempotency, write) = (Idempotency::new("tests", DAY), CountedWrite::default());
    let [one, other] = [(); 2].map(|()| key(&idempotency, false, "the same"));
    let (one, other) = tokio::join!(
        idempotency.perform_once(&one, || write.fail_then_perform(&one), caller_is_current),
        idempotency.perform_once(&other, || write.fail_then_perform(&other), caller_is_current),
    );
    assert_eq!((one.is_err(), other.is_err(), write.count()), (true, false, 2));
}

#[tokio::test]
async fn a_key_that_was_used_for_another_request_is_refused() {
    let (idempotency, write) = (Idempotency::new("tests", DAY), CountedWrite::default());
    let (one, other) = (key(&idempotency, false, "one"), key(&idempotency, false, "another"));
    idempotency.perform_once(&one, || write.perform(&one), caller_is_current).await.unwrap();
    let refused =
        idempotency.perform_once(&other, || write.perform(&other), caller_is_current).await.unwrap_err();
    assert_eq!((refused.code(), write.count()), (ErrorCode::KeyReused, 1));
}

#[tokio::test]
async fn a_cached_response_expires_no_later_than_its_key_in_the_database() {
    let key = key(&Idempotency::new("tests", DAY), false, "a text");
    let received_at = Instant::now();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(key.to_stored(*b"after a slow write").expires_at <= received_at + DAY);
}

#[tokio::test]
async fn the_key_of_a_caller_whose_token_is_outdated_is_neither_claimed_nor_replayed() {
    let database = TestDatabase::create().await;
    let mut connection = connect(&database).await;
    let idempotency = Idempotency::new("tests", DAY);
    let of = |role| ScopedKey { caller: Identity { role, ..CALLER }, ..key(&idempotency, false, "a text") };
    for is_taken in [false, true] {
        let mut transaction = connection.begin().await.unwrap();
        let refused = claim_key(&mut transaction, &of(Role::Moderator)).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unauthenticated);
        let stored = claim_key(&mut transaction, &of(Role::User)).await.unwrap();
        assert_eq!(stored.is_some(), is_taken);
        transaction.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_response_from_memory_is_withheld_from_a_caller_whose_token_is_outdated() {
    let (idempotency, write) = (Idempotency::new("tests", DAY), CountedWrite::default());
    let outdated = async || Err(Refusal::TokenOutdated.into());
    let [first, repeated] = [(); 2].map(|()| key(&idempotency, false, "the same"));
    idempotency.perform_once(&first, || write.perform(&first), outdated).await.unwrap();
    let refused =
        idempotency.perform_once(&repeated, || write.perform(&repeated), outdated).await.unwrap_err();
    assert_eq!((refused.code(), write.count()), (ErrorCode::Unauthenticated, 1));
    idempotency.perform_once(&repeated, || write.perform(&repeated), caller_is_current).await.unwrap();
}

#[tokio::test]
async fn a_call_that_waited_for_an_identical_one_is_checked_too() {
    let (idempotency, write) = (Idempotency::new("tests", DAY), CountedWrite::default());
    let [one, other] = [(); 2].map(|()| key(&idempotency, false, "the same"));
    let outdated = async || Err(Refusal::TokenOutdated.into());
    let (one, other) = tokio::join!(
        idempotency.perform_once(&one, || write.perform(&one), outdated),
        idempotency.perform_once(&other, || write.perform(&other), outdated),
    );
    assert_eq!((one.is_ok(), other.is_ok(), write.count()), (true, false, 1));
}

#[tokio::test]
async fn a_generated_key_is_not_cached() {
    let (idempotency, write) = (Idempotency::new("tests", DAY), CountedWrite::default());
    let key = key(&idempotency, true, "the same");
    for _ in 0..2 {
        idempotency.perform_once(&key, || write.perform(&key), caller_is_current).await.unwrap();
    }
    assert_eq!(write.count(), 2);
}
