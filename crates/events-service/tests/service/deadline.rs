//! Tests that work ends at the caller's deadline.

use std::time::Duration;

use eventboard_domain::Role;
use eventboard_proto::events::SubmitRequest;
use eventboard_testing::TestDatabase;
use sqlx::Connection;
use tonic::Code;
use uuid::Uuid;

use crate::support::{Organization, Replica, count, key};

#[tokio::test]
async fn a_write_that_waits_for_a_lock_ends_at_its_deadline_and_can_be_retried_with_its_key() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let owner = replica.actor(&organization, Role::User);
    let id = owner.create_draft("Locked for a while").await.id;
    let mut blocker = database.connect().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query(r#"select 1 from "Event" where id = $1 for update"#)
        .bind(Uuid::parse_str(&id).unwrap())
        .execute(&mut *lock)
        .await
        .unwrap();

    let submit =
        || SubmitRequest { id: id.clone(), if_match: None, if_none_match: None, idempotency: key("k") };
    let mut request = owner.request(submit());
    request.set_timeout(Duration::from_millis(300));
    let refused = replica.client().submit(request).await.unwrap_err();
    assert!(matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled), "{refused:?}");

    // The statement has the same deadline, so it must stop waiting for the lock.
    let waiting = r#"select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"#;
    while count(&database, waiting).await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lock.rollback().await.unwrap();
    assert!(!owner.submit(submit()).await.unwrap().replayed);
}
