//! Tests of how the services start, and when they do not start.

use eventboard_e2e::{event_body, settings::settings, wait_for_some};
use eventboard_testing::{TestDatabase, dedicated_cluster};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::support::{
    Actor, Stack,
    process::{AUTH, EVENTS, Exit, GATEWAY, run_to_exit},
    wait_until,
};

/// Asserts that the process failed with one line on stderr that contains all of `names`.
fn assert_one_line_with(exit: &Exit, names: &[&str]) {
    assert!(exit.code.is_some_and(|code| code != 0), "{exit:?}");
    assert_eq!(exit.stderr.trim_end().lines().count(), 1, "{}", exit.stderr);
    assert!(names.iter().all(|name| exit.stderr.contains(name)), "{}", exit.stderr);
}

#[tokio::test]
async fn all_invalid_variables_are_reported_in_one_line() {
    let common = [("LOG_FORMAT", "xml"), ("APP_ENV", "staging"), ("DRAIN_GRACE", "long")];
    let own: [(_, &[(&'static str, &str)]); 3] = [
        (
            GATEWAY,
            &[
                ("GATEWAY_PORT", "99999"),
                ("RATE_LIMIT_IP_MAX", "0"),
                ("READ_DEADLINE", "5"),
                ("TRUSTED_PROXIES", "me"),
            ],
        ),
        (AUTH, &[("AUTH_SERVICE_PORT", "x"), ("JWT_EXPIRY", "soon"), ("PASSWORD_HASH_CONCURRENCY", "0")]),
        (
            EVENTS,
            &[
                ("EVENTS_SERVICE_PORT", "-1"),
                ("IDEMPOTENCY_TTL", "0s"),
                ("DATABASE_MAX_CONNECTIONS", "many"),
                ("DATABASE_URL", "x"),
            ],
        ),
    ];
    for (binary, own) in own {
        let variables = [&common[..], own].concat();
        let names: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
        assert_one_line_with(&run_to_exit(binary, &variables).await, &names);
    }
}

#[tokio::test]
async fn default_and_short_secrets_are_rejected_in_production() {
    for binary in [GATEWAY, AUTH, EVENTS] {
        for secret in ["", "short", "eventboard-development-secret-change-me"] {
            let variables =
                [("APP_ENV", "production"), ("JWT_SECRET", secret), ("DATABASE_URL", "postgres://db/x")];
            let exit = run_to_exit(binary, &variables).await;
            assert_one_line_with(&exit, &["JWT_SECRET"]);
            assert!(secret.is_empty() || !exit.stderr.contains(secret), "{}", exit.stderr);
        }
    }
}

#[tokio::test]
async fn a_service_that_other_machines_can_reach_does_not_start_with_an_insecure_secret() {
    const NAMES: [&str; 3] = ["JWT_SECRET", "HOST=127.0.0.1", "ALLOW_INSECURE_JWT_SECRET=true"];
    for binary in [GATEWAY, AUTH, EVENTS] {
        for secret in ["", "short", "eventboard-development-secret-change-me"] {
            // No APP_ENV, as for a binary that was just copied to a machine.
            let exit = run_to_exit(binary, &[("HOST", "0.0.0.0"), ("JWT_SECRET", secret)]).await;
            assert_one_line_with(&exit, &NAMES);
            assert!(secret.is_empty() || !exit.stderr.contains(secret), "{}", exit.stderr);
        }
        // Without HOST, the service would listen on all addresses.
        let development = [("HOST", ""), ("APP_ENV", "development")];
        assert_one_line_with(&run_to_exit(binary, &development).await, &NAMES);
    }
}

#[tokio::test]
async fn an_insecure_secret_can_be_allowed_by_name() {
    let variables = [("HOST", "0.0.0.0"), ("ALLOW_INSECURE_JWT_SECRET", "true")];
    let stack = Stack::start_with(&variables).await;
    stack.anonymous().sign_up_admin().await.create_event("For a demo").await;
}

#[tokio::test]
async fn services_with_a_secret_of_their_own_listen_on_all_addresses() {
    let variables = [("HOST", "0.0.0.0"), ("JWT_SECRET", "tJ3vK8sQ1mZ6xW9bN4cR7yD2fG5hL0pA")];
    let stack = Stack::start_with(&variables).await;
    stack.anonymous().sign_up_admin().await.create_event("Reachable").await;
}

#[tokio::test]
async fn the_metrics_need_another_port_than_the_service() {
    for (binary, variable) in
        [(GATEWAY, "GATEWAY_PORT"), (AUTH, "AUTH_SERVICE_PORT"), (EVENTS, "EVENTS_SERVICE_PORT")]
    {
        let exit = run_to_exit(binary, &[(variable, "4567"), ("METRICS_PORT", "4567")]).await;
        assert_one_line_with(&exit, &["METRICS_PORT"]);
    }
}

/// The numbers and durations, except ports, at one end of their ranges.
fn extremes(end: fn((&'static str, &'static str)) -> &'static str) -> Vec<(&'static str, &'static str)> {
    let ranges = settings().into_iter().filter_map(|setting| Some((setting.name, end(setting.range?))));
    ranges.filter(|(name, _)| !name.ends_with("PORT")).chain([("RATE_LIMIT_ENABLED", "true")]).collect()
}

#[tokio::test]
async fn the_system_works_with_the_largest_value_of_every_setting() {
    let stack = Stack::start_with(&extremes(|(_, max)| max)).await;
    let password = "Seven-blue-kettles-9";
    let founder = json!({ "organizationName": Uuid::now_v7(), "password": password });
    let session = stack.anonymous().signup(founder).await.expect(201).body;
    let admin = Actor::new(stack.anonymous(), &session);
    let first = admin.post_with_key("/events", "k", &event_body("Written once")).await.expect(201);
    let second = admin.post_with_key("/events", "k", &event_body("Written once")).await.expect(201);
    assert!(second.is_replay());
    assert_eq!(second.id(), first.id());
    stack.anonymous().login(&admin.user["email"], password).await.expect(200);
    admin.get("/events").await.expect(200);
}

/// The limits and deadlines are so small that single requests and connections may be rejected.
#[tokio::test]
async fn the_system_serves_requests_with_the_smallest_value_of_every_setting() {
    let stack = Stack::start_with(&extremes(|(min, _)| min)).await;
    let anonymous = stack.anonymous();
    let sign_up_and_list = async || {
        let user = json!({
            "email": format!("{}@example.org", Uuid::now_v7()),
            "password": "Password123!",
            "firstName": "Some",
            "lastName": "Body",
            "organizationName": Uuid::now_v7(),
        });
        let signup = anonymous.request(Method::POST, "/auth/signup").json(&user).send().await.ok()?;
        let session: Value = signup.json().await.ok()?;
        let list = anonymous.request(Method::GET, "/events").bearer_auth(session["accessToken"].as_str()?);
        list.send().await.ok().filter(|response| response.status() == StatusCode::OK)
    };
    wait_for_some("a user can sign up and list events", sign_up_and_list).await;
}

#[tokio::test]
async fn services_start_in_production_with_a_strong_secret_and_require_strong_passwords() {
    let secret = [("APP_ENV", "production"), ("JWT_SECRET", "tJ3vK8sQ1mZ6xW9bN4cR7yD2fG5hL0pA")];
    let stack = Stack::start_with(&secret).await;
    let sign_up = async |password: &str| {
        stack.anonymous().signup(json!({ "organizationName": "Acme", "password": password })).await
    };
    assert_eq!(sign_up("Password123!").await.invalid_fields(), ["password"]);
    let session = sign_up("Seven-blue-kettles-9").await.expect(201);
    Actor::new(stack.anonymous(), &session.body).create_event("In production").await;
}

#[tokio::test]
async fn a_port_in_use_is_reported_in_one_line() {
    let stack = Stack::start().await;
    let port = stack.events.address.port().to_string();
    for (binary, variable) in
        [(GATEWAY, "GATEWAY_PORT"), (AUTH, "AUTH_SERVICE_PORT"), (EVENTS, "EVENTS_SERVICE_PORT")]
    {
        let exit = run_to_exit(binary, &[(variable, &port)]).await;
        assert_one_line_with(&exit, &[&port, "in use"]);
    }
}

#[tokio::test]
async fn a_database_with_locale_c_is_rejected() {
    let database = TestDatabase::create().await;
    let (server, name) = database.url().rsplit_once('/').unwrap();
    let locale_c = format!("{name}_c");
    let create = format!("create database {locale_c} template template0 encoding 'UTF8' locale 'C'");
    database.connect().await.execute(AssertSqlSafe(create)).await.unwrap();
    let url = format!("{server}/{locale_c}");
    for (binary, port) in [(AUTH, "AUTH_SERVICE_PORT"), (EVENTS, "EVENTS_SERVICE_PORT")] {
        let exit = run_to_exit(binary, &[("DATABASE_URL", &url), (port, "0")]).await;
        assert_one_line_with(&exit, &["locale C"]);
    }
}

#[tokio::test]
async fn services_that_start_before_their_database_wait_for_it() {
    let (mut cluster, database) = dedicated_cluster().await;
    cluster.stop_fast().await.unwrap();
    let stack = Stack::launch(database, &[]).await;
    for process in [&stack.auth, &stack.events] {
        let is_waiting = |line: &Value| line["message"] == "Waiting for the database";
        process.log().wait_for("the service waits for the database", is_waiting).await;
    }
    stack.wait_until_unhealthy().await;
    stack.anonymous().get("/health/live").await.expect(200);
    stack.anonymous().login(&"somebody@example.org".into(), "Password123!").await.expect_problem(503);

    cluster.start_again().await.unwrap();

    stack.wait_until_healthy().await;
    stack.anonymous().sign_up_admin().await.create_event("Worth the wait").await;
}

#[tokio::test]
async fn services_that_cannot_change_the_schema_wait_until_it_is_up_to_date() {
    let database = TestDatabase::create().await;
    let mut operator = database.connect().await;
    operator.execute("update _sqlx_migrations set success = false where version = 7").await.unwrap();
    let stack = Stack::launch(database, &[]).await;
    for process in [&stack.auth, &stack.events] {
        let is_waiting = |line: &Value| {
            line["message"] == "Waiting for the database"
                && line["reason"].as_str().is_some_and(|reason| reason.contains("(missing: 7)"))
        };
        process.log().wait_for("the service waits for the schema", is_waiting).await;
    }
    stack.wait_until_unhealthy().await;
    stack.anonymous().get("/health/live").await.expect(200);
    stack.anonymous().login(&"somebody@example.org".into(), "Password123!").await.expect_problem(503);

    operator.execute("update _sqlx_migrations set success = true").await.unwrap();

    stack.wait_until_healthy().await;
    stack.anonymous().sign_up_admin().await.create_event("Worth the wait").await;
}

#[tokio::test]
async fn each_service_writes_a_daily_log_file_to_the_log_folder() {
    let folder = std::env::temp_dir().join(format!("eventboard-logs-{}", Uuid::now_v7()));
    let stack = Stack::start_with(&[("LOG_DIR", folder.to_str().unwrap())]).await;
    let response = stack.anonymous().sign_up_admin().await.get("/events").await;
    let correlation_id = response.header("x-correlation-id").unwrap();
    let logs = async || -> Vec<String> {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
    };
    let is_in_all =
        |logs: Vec<String>| logs.len() == 3 && logs.iter().all(|log| log.contains(correlation_id));
    wait_until("the request is in all files", async || is_in_all(logs().await)).await;
    std::fs::remove_dir_all(&folder).unwrap();
}
