//! Tests in which a service is killed and restarted, or freezes.

use std::net::SocketAddr;

use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};
use tonic::transport::{Server, server::TcpIncoming};
use tonic_health::ServingStatus;

use crate::support::{
    Anonymous, Stack,
    database::{Lock, execute, history, wait_until_blocked},
    event_body, send, wait_until,
};

#[tokio::test]
async fn without_events_service_its_routes_return_503_and_other_routes_work() {
    let mut stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Available again later").await;

    stack.events.kill();
    let path = format!("/events/{id}");
    let request =
        admin.request(Method::POST, &format!("{path}/submit")).header("x-correlation-id", "retried");
    send(request).await.expect_problem(503);
    admin.get(&path).await.expect_problem(503);
    admin.get("/auth/me").await.expect(200);
    admin.log_in_again().await;
    let retry = stack.gateway.log().wait_for_message("retried", "Retry").await;
    assert_eq!(retry["level"], "WARN");
    stack.wait_until_unhealthy().await;
    let checks = &stack.anonymous().get("/health").await.body["checks"];
    assert_eq!(
        (&checks["events-service"]["status"], &checks["auth-service"]["status"]),
        (&"down".into(), &"up".into())
    );
    stack.anonymous().get("/health/ready").await.expect(200);

    stack.restart_events().await;
    assert_eq!(
        admin.post_without_body(&format!("{path}/submit")).await.expect(200).body["status"],
        "SUBMITTED"
    );
}

#[tokio::test]
async fn without_auth_service_only_users_with_a_cached_validation_are_served() {
    let mut stack = Stack::start().await;
    let cached = stack.anonymous().sign_up_admin().await;
    let uncached = stack.anonymous().sign_up_admin().await;
    cached.get("/events").await.expect(200);

    stack.auth.kill();
    cached.create_event("Created meanwhile").await;
    uncached.get("/events").await.expect_problem(503);
    stack.anonymous().login(&cached.user["email"], "Password123!").await.expect_problem(503);
    stack
        .anonymous()
        .signup(serde_json::json!({ "organizationName": "Meanwhile" }))
        .await
        .expect_problem(503);

    stack.restart_auth().await;
    uncached.get("/events").await.expect(200);
}

#[tokio::test]
async fn a_request_succeeds_if_the_service_recovers_before_the_last_attempt() {
    // The pauses between the attempts are long, but within the maximum deadline, so that the service recovers in
    // time.
    let slow_retries =
        [("RETRY_BASE", "1s"), ("RETRY_CAP", "1s"), ("WRITE_ATTEMPTS", "10"), ("WRITE_DEADLINE", "10s")];
    let mut stack = Stack::start_with(&slow_retries).await;
    let admin = stack.anonymous().sign_up_admin().await;
    admin.get("/events").await.expect(200);
    stack.events.kill();
    let client = admin.clone();
    let pending =
        tokio::spawn(async move { client.post_with_key("/events", "k", &event_body("In the end")).await });
    let is_retry = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("Retry"));
    stack.gateway.log().wait_for("an attempt failed", is_retry).await;
    stack.restart_events().await;
    assert!(!pending.await.unwrap().expect(201).is_replay());
}

#[tokio::test]
async fn the_incomplete_write_of_a_frozen_service_is_rolled_back_and_its_locks_are_released() {
    let stack = Stack::start_with(&[("WRITE_DEADLINE", "3s")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Frozen in the middle").await;
    let submit = format!("/events/{id}/submit");
    let lock = Lock::on_all_events(&stack.database).await;
    let client = admin.post_with_key(&submit, "k", &Value::Null);
    let freeze = async {
        wait_until_blocked(&stack.database, 1).await;
        stack.events.signal("STOP");
        // From here on, the frozen service holds the row lock in a transaction that does not continue.
        lock.release().await;
        execute(&stack.database, r#"select from "Event" where id = $1 for update"#, id.parse().unwrap())
            .await;
    };
    let (response, ()) = join(client, freeze).await;
    response.expect_problem(408);
    stack.events.signal("CONT");
    stack.wait_until_healthy().await;

    assert!(!admin.post_with_key(&submit, "k", &Value::Null).await.expect(200).is_replay());
    assert_eq!(history(&stack.database, &id).await, ["CREATE", "SUBMIT"]);
}

/// A service of an earlier release, which is healthy and has none of the methods.
async fn start_service_without_methods() -> SocketAddr {
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in ["", "eventboard.auth.v1.AuthService"] {
        reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    tokio::spawn(Server::builder().add_service(health).serve_with_incoming(incoming));
    address
}

#[tokio::test]
async fn a_method_that_a_service_does_not_have_yet_is_a_503_and_logged_as_an_error() {
    let stack = Stack::start().await;
    let gateway = stack.start_gateway_with_auth(start_service_without_methods().await).await;
    let anonymous = Anonymous::new(&gateway);
    wait_until("the gateway is ready", async || anonymous.get("/health/ready").await.status == 200).await;
    let body = json!({ "email": "admin@acme.com", "password": "Password123!" });
    let login = anonymous.request(Method::POST, "/auth/login").header("x-correlation-id", "too-new");
    let problem = send(login.json(&body)).await;
    assert_eq!(problem.header("retry-after"), Some("1"));
    problem.expect_problem(503);
    let line = gateway.log().wait_for_message("too-new", "does not have the method").await;
    assert_eq!(line["level"], "ERROR");
    assert!(line["cause"].as_str().unwrap().contains("auth-service"), "{line}");
}
