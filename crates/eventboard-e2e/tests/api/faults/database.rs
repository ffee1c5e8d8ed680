//! Tests in which PostgreSQL is unavailable, recovers, or is slow.

use eventboard_testing::dedicated_cluster;
use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Actor, Anonymous, Stack,
    database::{Lock, count_rows, history, wait_until_blocked, wait_until_slow},
    event_body, wait_until,
};

/// Asserts that every request that needs the database returns 503, and that the health response reports the database.
async fn assert_database_unavailable(stack: &Stack, admin: &Actor, id: &str) {
    admin.get("/events").await.expect_problem(503);
    admin.get(&format!("/events/{id}")).await.expect_problem(503);
    admin.get("/auth/me").await.expect_problem(503);
    stack.anonymous().login(&admin.user["email"], "Password123!").await.expect_problem(503);
    admin.post_with_key("/events", "k", &event_body("Before and after")).await.expect_problem(503);
    // Each service notices the outage independently. The gateway notices it after the services.
    for process in [&stack.auth, &stack.events] {
        let service = Anonymous::new(process);
        wait_until("the service reports the outage", async || {
            service.get("/health/ready").await.status == 503
        })
        .await;
        let health = service.get("/health").await.expect(503);
        assert_eq!(health.body["checks"]["database"]["status"], "down");
    }
    wait_until("the gateway reports the outage", async || {
        let checks = &stack.anonymous().get("/health").await.body["checks"];
        ["auth-service", "events-service"].iter().all(|service| checks[service]["status"] == "down")
    })
    .await;
    stack.anonymous().get("/health").await.expect(503);
    stack.anonymous().get("/health/ready").await.expect(200);
}

/// Stops the database cleanly or as in a crash, starts it again, and asserts that the system recovers.
async fn test_database_outage(is_crash: bool) {
    let (mut cluster, database) = dedicated_cluster().await;
    let stack = Stack::launch(database, &[]).await;
    stack.wait_until_healthy().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Survives").await;

    let stopped = if is_crash { cluster.stop_immediate().await } else { cluster.stop_fast().await };
    stopped.unwrap();
    assert_database_unavailable(&stack, &admin, &id).await;
    cluster.start_again().await.unwrap();
    stack.wait_until_healthy().await;

    admin.get(&format!("/events/{id}")).await.expect(200);
    admin.log_in_again().await.get("/auth/me").await.expect(200);
    assert!(
        !admin.post_with_key("/events", "k", &event_body("Before and after")).await.expect(201).is_replay()
    );
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 2);
}

#[tokio::test]
async fn a_stopped_database_causes_503s_and_the_system_recovers_after_its_restart() {
    test_database_outage(false).await;
}

#[tokio::test]
async fn a_crashed_database_causes_503s_and_the_system_recovers_after_its_restart() {
    test_database_outage(true).await;
}

#[tokio::test]
async fn a_write_blocked_by_a_lock_returns_408_and_can_be_repeated_with_its_key() {
    let stack = Stack::start_with(&[("WRITE_DEADLINE", "1s")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Locked for a while").await;
    let submit = async || admin.post_with_key(&format!("/events/{id}/submit"), "k", &Value::Null).await;

    let lock = Lock::on_all_events(&stack.database).await;
    submit().await.expect_problem(408);
    wait_until_blocked(&stack.database, 0).await;
    lock.release().await;

    assert!(!submit().await.expect(200).is_replay());
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "SUBMIT"]);
}

#[tokio::test]
async fn reads_and_logins_blocked_by_a_lock_end_at_their_deadlines() {
    let deadlines = [("READ_DEADLINE", "1s"), ("LIST_DEADLINE", "1s"), ("LOGIN_DEADLINE", "1s")];
    let stack = Stack::start_with(&deadlines).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Locked for a while").await;
    let locks = (Lock::on_all_events(&stack.database).await, Lock::on_all_users(&stack.database).await);
    admin.get(&format!("/events/{id}")).await.expect_problem(408);
    admin.get("/events").await.expect_problem(408);
    stack.anonymous().login(&admin.user["email"], "Password123!").await.expect_problem(408);
    locks.0.release().await;
    locks.1.release().await;
    admin.get(&format!("/events/{id}")).await.expect(200);
}

#[tokio::test]
async fn a_slow_statement_is_logged_with_its_correlation_id() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("Slow").await);
    let lock = Lock::on_all_events(&stack.database).await;
    let body = json!({ "title": "Changed in the end" });
    let update = admin.with_header(Method::PATCH, &path, ("x-correlation-id", "slow-request"), &body);
    let release = async {
        wait_until_slow(&stack.database).await;
        lock.release().await;
    };
    let (response, ()) = join(update, release).await;
    response.expect(200);
    let warning = stack.events.log().wait_for_message("slow-request", "slow").await;
    assert_eq!(warning["level"], "WARN");
}

#[tokio::test]
async fn calls_beyond_the_pool_capacity_are_shed_and_not_retried() {
    let small_pool = [("DATABASE_MAX_CONNECTIONS", "2"), ("DATABASE_MAX_WAITING", "0")];
    let stack = Stack::start_with(&small_pool).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("In demand").await);
    let lock = Lock::on_all_events(&stack.database).await;
    let excess = async {
        wait_until_blocked(&stack.database, 2).await;
        let shed = admin.get(&path).await;
        lock.release().await;
        shed
    };
    let ((first, second), shed) = join(join(admin.get(&path), admin.get(&path)), excess).await;
    shed.expect_problem(503);
    assert_eq!((first.status, second.status), (200, 200));
    let is_retry = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("Retry"));
    assert!(stack.gateway.log().find(is_retry).is_empty());
    admin.get(&path).await.expect(200);
}
