//! Keys on a real PostgreSQL, and calls that share one.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_idempotency::{Fingerprint, GivenKey, Idempotency, Key, Source, Stored, answer, claim};
use eventboard_testing::TestDatabase;
use sqlx::Connection;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn key(idempotency: &Idempotency, generated: bool, text: &str) -> Key {
    let given = GivenKey { key: "k".into(), request_id: Uuid::now_v7(), generated };
    let fingerprint = Fingerprint::of("Method").text("text", Some(text)).finish();
    idempotency.key(Uuid::nil(), "Method", given, fingerprint)
}

#[tokio::test]
async fn a_key_of_one_service_is_none_of_another() {
    let database = TestDatabase::create().await;
    let mut connection = database.connect().await;
    for service in ["auth-service", "events-service"] {
        let key = key(&Idempotency::new(service, DAY), false, "the same");
        assert_eq!(key.operation.to_string(), format!("{service}/Method"));

        let mut transaction = connection.begin().await.unwrap();
        assert!(claim(&mut transaction, &key).await.unwrap().is_none());
        answer(&mut transaction, &key, service.into()).await.unwrap();
        transaction.commit().await.unwrap();

        let mut transaction = connection.begin().await.unwrap();
        let stored = claim(&mut transaction, &key).await.unwrap().unwrap();
        assert_eq!((&*stored.response, stored.request_id), (service.as_bytes(), key.request_id));
    }
}

#[tokio::test]
async fn a_claim_that_is_rolled_back_burns_no_key() {
    let database = TestDatabase::create().await;
    let mut connection = database.connect().await;
    let key = key(&Idempotency::new("tests", DAY), false, "a text");
    for _ in 0..2 {
        let mut transaction = connection.begin().await.unwrap();
        assert!(claim(&mut transaction, &key).await.unwrap().is_none());
        transaction.rollback().await.unwrap();
    }
}

/// Counts how often it was performed.
#[derive(Default)]
struct Effect(AtomicU32);

impl Effect {
    async fn perform(&self, key: &Key) -> Result<(Stored, Source), ServiceError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok((key.stored(*b"response"), Source::Performed))
    }

    /// Fails the first time.
    async fn fail_then_perform(&self, key: &Key) -> Result<(Stored, Source), ServiceError> {
        let performed = self.perform(key).await?;
        if self.times() == 1 {
            Err(ServiceError::new(ErrorCode::Unavailable, "Not now."))
        } else {
            Ok(performed)
        }
    }

    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn of_identical_calls_at_once_one_performs_and_the_others_are_replays() {
    let (idempotency, effect) = (Idempotency::new("tests", DAY), Effect::default());
    let [one, other] = [(); 2].map(|()| key(&idempotency, false, "the same"));
    let (one, other) = tokio::join!(
        idempotency.once(&one, || effect.perform(&one)),
        idempotency.once(&other, || effect.perform(&other)),
    );
    assert_eq!(effect.times(), 1);
    assert_ne!(one.unwrap().replayed, other.unwrap().replayed);
}

#[tokio::test]
async fn a_call_that_waited_for_one_that_failed_performs_itself() {
    let (idempotency, effect) = (Idempotency::new("tests", DAY), Effect::default());
    let [one, other] = [(); 2].map(|()| key(&idempotency, false, "the same"));
    let (one, other) = tokio::join!(
        idempotency.once(&one, || effect.fail_then_perform(&one)),
        idempotency.once(&other, || effect.fail_then_perform(&other)),
    );
    assert_eq!((one.is_err(), other.is_err(), effect.times()), (true, false, 2));
}

#[tokio::test]
async fn a_key_that_was_used_for_another_request_is_refused() {
    let (idempotency, effect) = (Idempotency::new("tests", DAY), Effect::default());
    let (one, other) = (key(&idempotency, false, "one"), key(&idempotency, false, "another"));
    idempotency.once(&one, || effect.perform(&one)).await.unwrap();
    let refused = idempotency.once(&other, || effect.perform(&other)).await.unwrap_err();
    assert_eq!((refused.code(), effect.times()), (ErrorCode::KeyReused, 1));
}

#[tokio::test]
async fn a_generated_key_is_not_kept_in_memory() {
    let (idempotency, effect) = (Idempotency::new("tests", DAY), Effect::default());
    let key = key(&idempotency, true, "the same");
    for _ in 0..2 {
        idempotency.once(&key, || effect.perform(&key)).await.unwrap();
    }
    assert_eq!(effect.times(), 2);
}
