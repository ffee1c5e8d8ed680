//! A service dies and is started again.

use futures::future::join;
use reqwest::Method;
use serde_json::Value;

use crate::support::{
    Stack,
    database::{Lock, execute, history, until_waiting},
    draft, send,
};

#[tokio::test]
async fn without_events_service_its_routes_are_503_and_the_others_work() {
    let mut stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let id = admin.created("There again afterwards").await;

    stack.events.kill();
    let path = format!("/events/{id}");
    let request =
        admin.request(Method::POST, &format!("{path}/submit")).header("x-correlation-id", "tried-again");
    send(request).await.problem(503);
    admin.get(&path).await.problem(503);
    admin.get("/auth/me").await.expect(200);
    admin.logs_in_again().await;
    let retry = stack.gateway.log().wait_for_word("tried-again", "Retry").await;
    assert_eq!(retry["level"], "WARN");
    stack.until_unhealthy().await;
    let checks = &stack.anonymous().get("/health").await.body["checks"];
    assert_eq!(
        (&checks["events-service"]["status"], &checks["auth-service"]["status"]),
        (&"down".into(), &"up".into())
    );
    stack.anonymous().get("/health/ready").await.expect(200);

    stack.restart_events().await;
    assert_eq!(admin.act(&format!("{path}/submit")).await.expect(200).body["status"], "SUBMITTED");
}

#[tokio::test]
async fn without_auth_service_only_those_whom_the_gateway_knows_go_on() {
    let mut stack = Stack::start().await;
    let known = stack.anonymous().found_organization().await;
    let unknown = stack.anonymous().found_organization().await;
    known.get("/events").await.expect(200);

    stack.auth.kill();
    known.created("Made meanwhile").await;
    unknown.get("/events").await.problem(503);
    stack.anonymous().login(&known.user["email"], "Password123!").await.problem(503);
    stack.anonymous().signup(serde_json::json!({ "organizationName": "Meanwhile" })).await.problem(503);

    stack.restart_auth().await;
    unknown.get("/events").await.expect(200);
}

#[tokio::test]
async fn a_service_that_comes_back_during_the_attempts_makes_the_request_succeed() {
    // Long waits between attempts, within the longest deadline: the service is back before they end.
    let patient =
        [("RETRY_BASE", "1s"), ("RETRY_CAP", "1s"), ("WRITE_ATTEMPTS", "10"), ("WRITE_DEADLINE", "10s")];
    let mut stack = Stack::start_with(&patient).await;
    let admin = stack.anonymous().found_organization().await;
    admin.get("/events").await.expect(200);
    stack.events.kill();
    let patient_one = admin.clone();
    let waiting = tokio::spawn(async move { patient_one.keyed("/events", "k", &draft("In the end")).await });
    let is_retry = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("Retry"));
    stack.gateway.log().wait_for("an attempt failed", is_retry).await;
    stack.restart_events().await;
    assert!(!waiting.await.unwrap().expect(201).is_replay());
}

#[tokio::test]
async fn a_frozen_service_frees_its_locks_and_its_half_write_is_undone() {
    let stack = Stack::start_with(&[("WRITE_DEADLINE", "3s")]).await;
    let admin = stack.anonymous().found_organization().await;
    let id = admin.created("Frozen in the middle").await;
    let submit = format!("/events/{id}/submit");
    let lock = Lock::on_all_events(&stack.database).await;
    let client = admin.keyed(&submit, "k", &Value::Null);
    let freeze = async {
        until_waiting(&stack.database, 1).await;
        stack.events.signal("STOP");
        // From here on the service holds the row, in a transaction that it does not go on with.
        lock.release().await;
        execute(&stack.database, r#"select from "Event" where id = $1 for update"#, id.parse().unwrap())
            .await;
    };
    let (answer, ()) = join(client, freeze).await;
    answer.problem(408);
    stack.events.signal("CONT");
    stack.until_healthy().await;

    assert!(!admin.keyed(&submit, "k", &Value::Null).await.expect(200).is_replay());
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "SUBMIT"]);
}
