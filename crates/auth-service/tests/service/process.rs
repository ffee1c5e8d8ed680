//! Tests of the service as a process: start, health checks, shutdown.

use std::{process::Command, time::Duration};

use eventboard_chassis::shutdown::Shutdown;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{TestService, create_organization, read_config};

#[tokio::test]
async fn health_is_served_over_plain_http_on_the_same_port() {
    let service = TestService::start().await;
    let mut response = String::new();
    // The health check probes the database once a second.
    for _ in 0..50 {
        response = health(&service).await;
        if response.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(
        response.contains(r#""service":"auth-service""#) && response.contains(r#""database""#),
        "{response}"
    );
}

#[tokio::test]
async fn the_service_stops_on_shutdown() {
    let service = TestService::start().await;
    service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    service.shutdown.begin(Duration::ZERO).await;
    service.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_service_that_waits_for_its_database_stops_on_shutdown() {
    let config = read_config("postgres://eventboard@127.0.0.1:1/nowhere", &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = Shutdown::new();
    let running = tokio::spawn(auth_service::run(config, listener, shutdown.clone()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!running.is_finished());
    shutdown.begin(Duration::ZERO).await;
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_unusable_database_stops_the_service() {
    let service = TestService::start().await;
    // Simulates that another version of the service applied the migrations.
    service.execute("update _sqlx_migrations set checksum = 'other'").await;
    let config = read_config(service.database.url(), &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = auth_service::run(config, listener, Shutdown::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "a migration failed");
}

#[test]
fn invalid_variables_stop_the_process_with_one_line_that_names_them_all() {
    let output = Command::new(env!("CARGO_BIN_EXE_auth-service"))
        .env_clear()
        .envs([("APP_ENV", "production"), ("JWT_SECRET", "short"), ("PASSWORD_HASH_QUEUE", "many")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    for variable in ["JWT_SECRET", "PASSWORD_HASH_QUEUE", "DATABASE_URL"] {
        assert!(line.contains(variable), "{line}");
    }
    assert!(!line.contains("short"), "{line}");
}

async fn health(service: &TestService) -> String {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}
