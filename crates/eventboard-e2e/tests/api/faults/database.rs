//! PostgreSQL goes away, comes back, or is slow.

use eventboard_testing::own_cluster;
use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Actor, Anonymous, Stack,
    database::{Lock, history, rows, until_slow, until_waiting},
    draft, until,
};

/// Everything that needs the database is a 503, and health says what is missing.
async fn assert_away(stack: &Stack, admin: &Actor, id: &str) {
    admin.get("/events").await.problem(503);
    admin.get(&format!("/events/{id}")).await.problem(503);
    admin.get("/auth/me").await.problem(503);
    stack.anonymous().login(&admin.user["email"], "Password123!").await.problem(503);
    admin.keyed("/events", "k", &draft("Before and after")).await.problem(503);
    // Each process notices by itself, and the gateway after the services.
    for process in [&stack.auth, &stack.events] {
        let service = Anonymous::new(process);
        until("the service says so", async || service.get("/health/ready").await.status == 503).await;
        let health = service.get("/health").await.expect(503);
        assert_eq!(health.body["checks"]["database"]["status"], "down");
    }
    until("the gateway says so too", async || {
        let checks = &stack.anonymous().get("/health").await.body["checks"];
        ["auth-service", "events-service"].iter().all(|service| checks[service]["status"] == "down")
    })
    .await;
    stack.anonymous().get("/health").await.expect(503);
    stack.anonymous().get("/health/ready").await.expect(200);
}

/// A cluster that ends in one of two ways, and is started again.
async fn goes_away_and_comes_back(immediately: bool) {
    let (mut cluster, database) = own_cluster().await;
    let stack = Stack::launch(database, &[]).await;
    stack.until_healthy().await;
    let admin = stack.anonymous().found_organization().await;
    let id = admin.created("Survives").await;

    let stopped = if immediately { cluster.stop_immediate().await } else { cluster.stop_fast().await };
    stopped.unwrap();
    assert_away(&stack, &admin, &id).await;
    cluster.start_again().await.unwrap();
    stack.until_healthy().await;

    admin.get(&format!("/events/{id}")).await.expect(200);
    admin.logs_in_again().await.get("/auth/me").await.expect(200);
    assert!(!admin.keyed("/events", "k", &draft("Before and after")).await.expect(201).is_replay());
    assert_eq!(rows(&stack.database, r#""Event""#).await, 2);
}

#[tokio::test]
async fn a_database_that_is_stopped_is_a_503_and_works_again_when_it_is_started() {
    goes_away_and_comes_back(false).await;
}

#[tokio::test]
async fn a_database_that_crashes_is_a_503_and_works_again_when_it_has_recovered() {
    goes_away_and_comes_back(true).await;
}

#[tokio::test]
async fn a_write_behind_a_lock_is_a_408_and_its_key_performs_it_later() {
    let stack = Stack::start_with(&[("WRITE_DEADLINE", "1s")]).await;
    let admin = stack.anonymous().found_organization().await;
    let id = admin.created("Locked for a while").await;
    let submit = async || admin.keyed(&format!("/events/{id}/submit"), "k", &Value::Null).await;

    let lock = Lock::on_all_events(&stack.database).await;
    submit().await.problem(408);
    until_waiting(&stack.database, 0).await;
    lock.release().await;

    assert!(!submit().await.expect(200).is_replay());
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "SUBMIT"]);
}

#[tokio::test]
async fn a_read_and_a_login_behind_a_lock_end_at_their_deadlines() {
    let deadlines = [("READ_DEADLINE", "1s"), ("LIST_DEADLINE", "1s"), ("LOGIN_DEADLINE", "1s")];
    let stack = Stack::start_with(&deadlines).await;
    let admin = stack.anonymous().found_organization().await;
    let id = admin.created("Locked for a while").await;
    let locks = (Lock::on_all_events(&stack.database).await, Lock::on_all_users(&stack.database).await);
    admin.get(&format!("/events/{id}")).await.problem(408);
    admin.get("/events").await.problem(408);
    stack.anonymous().login(&admin.user["email"], "Password123!").await.problem(408);
    locks.0.release().await;
    locks.1.release().await;
    admin.get(&format!("/events/{id}")).await.expect(200);
}

#[tokio::test]
async fn a_slow_statement_is_a_warning_with_the_name_of_its_request() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let path = format!("/events/{}", admin.created("Slow").await);
    let lock = Lock::on_all_events(&stack.database).await;
    let body = json!({ "title": "Changed in the end" });
    let change = admin.with_header(Method::PATCH, &path, ("x-correlation-id", "slow-request"), &body);
    let release = async {
        until_slow(&stack.database).await;
        lock.release().await;
    };
    let (answer, ()) = join(change, release).await;
    answer.expect(200);
    let warning = stack.events.log().wait_for_word("slow-request", "slow").await;
    assert_eq!(warning["level"], "WARN");
}

#[tokio::test]
async fn calls_beyond_what_the_pool_serves_are_shed_and_not_retried() {
    let small = [("DATABASE_MAX_CONNECTIONS", "2"), ("DATABASE_MAX_WAITING", "0")];
    let stack = Stack::start_with(&small).await;
    let admin = stack.anonymous().found_organization().await;
    let path = format!("/events/{}", admin.created("In demand").await);
    let lock = Lock::on_all_events(&stack.database).await;
    let crowd = async {
        until_waiting(&stack.database, 2).await;
        let shed = admin.get(&path).await;
        lock.release().await;
        shed
    };
    let ((one, other), shed) = join(join(admin.get(&path), admin.get(&path)), crowd).await;
    shed.problem(503);
    assert_eq!((one.status, other.status), (200, 200));
    let is_retry = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("Retry"));
    assert!(stack.gateway.log().find(is_retry).is_empty());
    admin.get(&path).await.expect(200);
}
