//! How processes start, and when they refuse to.

use eventboard_testing::{TestDatabase, own_cluster};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::support::{
    Stack,
    process::{AUTH, EVENTS, End, GATEWAY, run_to_the_end},
    until,
};

/// Asserts that the process gave up with one line that names all of these.
fn assert_one_line_naming(end: &End, names: &[&str]) {
    assert!(end.code.is_some_and(|code| code != 0), "{end:?}");
    assert_eq!(end.stderr.trim_end().lines().count(), 1, "{}", end.stderr);
    assert!(names.iter().all(|name| end.stderr.contains(name)), "{}", end.stderr);
}

#[tokio::test]
async fn bad_variables_stop_a_process_with_one_line_that_names_them_all() {
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
        assert_one_line_naming(&run_to_the_end(binary, &variables).await, &names);
    }
}

#[tokio::test]
async fn production_refuses_default_and_short_secrets() {
    for binary in [GATEWAY, AUTH, EVENTS] {
        for secret in ["", "short", "eventboard-development-secret-change-me"] {
            let variables =
                [("APP_ENV", "production"), ("JWT_SECRET", secret), ("DATABASE_URL", "postgres://db/x")];
            let end = run_to_the_end(binary, &variables).await;
            assert_one_line_naming(&end, &["JWT_SECRET"]);
            assert!(secret.is_empty() || !end.stderr.contains(secret), "{}", end.stderr);
        }
    }
}

#[tokio::test]
async fn production_starts_with_a_secret_of_its_own() {
    let secret = [("APP_ENV", "production"), ("JWT_SECRET", "tJ3vK8sQ1mZ6xW9bN4cR7yD2fG5hL0pA")];
    let stack = Stack::start_with(&secret).await;
    stack.anonymous().found_organization().await.created("In production").await;
}

#[tokio::test]
async fn a_port_in_use_stops_a_process_with_a_clear_line() {
    let stack = Stack::start().await;
    let port = stack.events.address.port().to_string();
    for (binary, variable) in
        [(GATEWAY, "GATEWAY_PORT"), (AUTH, "AUTH_SERVICE_PORT"), (EVENTS, "EVENTS_SERVICE_PORT")]
    {
        let end = run_to_the_end(binary, &[(variable, &port)]).await;
        assert_one_line_naming(&end, &[&port, "in use"]);
    }
}

#[tokio::test]
async fn a_database_of_locale_c_is_refused() {
    let database = TestDatabase::create().await;
    let (server, name) = database.url().rsplit_once('/').unwrap();
    let unfit = format!("{name}_c");
    let create = format!("create database {unfit} template template0 encoding 'UTF8' locale 'C'");
    database.connect().await.execute(AssertSqlSafe(create)).await.unwrap();
    let url = format!("{server}/{unfit}");
    for (binary, port) in [(AUTH, "AUTH_SERVICE_PORT"), (EVENTS, "EVENTS_SERVICE_PORT")] {
        let end = run_to_the_end(binary, &[("DATABASE_URL", &url), (port, "0")]).await;
        assert_one_line_naming(&end, &["locale C"]);
    }
}

#[tokio::test]
async fn services_that_start_before_their_database_wait_for_it() {
    let (mut cluster, database) = own_cluster().await;
    cluster.stop_fast().await.unwrap();
    let stack = Stack::launch(database, &[]).await;
    for process in [&stack.auth, &stack.events] {
        process.log().wait_for("it waits", |line| line["message"] == "Waiting for the database").await;
    }
    stack.until_unhealthy().await;
    stack.anonymous().get("/health/live").await.expect(200);
    stack.anonymous().login(&"somebody@example.org".into(), "Password123!").await.problem(503);

    cluster.start_again().await.unwrap();

    stack.until_healthy().await;
    stack.anonymous().found_organization().await.created("Worth the wait").await;
}

#[tokio::test]
async fn a_folder_for_logs_gets_a_file_of_the_day_from_each_process() {
    let folder = std::env::temp_dir().join(format!("eventboard-logs-{}", Uuid::now_v7()));
    let stack = Stack::start_with(&[("LOG_DIR", folder.to_str().unwrap())]).await;
    let answer = stack.anonymous().found_organization().await.get("/events").await;
    let correlation_id = answer.header("x-correlation-id").unwrap();
    let logs = async || -> Vec<String> {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
    };
    let is_in_all =
        |logs: Vec<String>| logs.len() == 3 && logs.iter().all(|log| log.contains(correlation_id));
    until("the request is in all files", async || is_in_all(logs().await)).await;
    std::fs::remove_dir_all(&folder).unwrap();
}
