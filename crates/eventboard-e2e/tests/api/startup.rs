//! Tests of how the services start, and when they do not start.

use eventboard_testing::{TestDatabase, dedicated_cluster};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::support::{
    Stack,
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
async fn services_start_in_production_with_a_strong_secret() {
    let secret = [("APP_ENV", "production"), ("JWT_SECRET", "tJ3vK8sQ1mZ6xW9bN4cR7yD2fG5hL0pA")];
    let stack = Stack::start_with(&secret).await;
    stack.anonymous().sign_up_admin().await.create_event("In production").await;
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
        let is_waiting = |line: &serde_json::Value| line["message"] == "Waiting for the database";
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
