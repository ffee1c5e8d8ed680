//! Tests of the configuration from the environment and from `.env`.

use std::fs;

use crate::support::{eventboard, run, world_readable_folder};

#[test]
fn all_invalid_variables_are_reported_together_with_exit_code_2() {
    let folder = world_readable_folder();
    let mut up = eventboard(folder.path(), "up");
    up.envs([
        ("GATEWAY_PORT", "x"),
        ("DATABASE_MAX_CONNECTIONS", "0"),
        ("APP_ENV", "test"),
        ("LOG_FORMAT", "xml"),
    ]);
    let output = run(&mut up).failure(2);
    for name in ["GATEWAY_PORT", "DATABASE_MAX_CONNECTIONS", "APP_ENV", "LOG_FORMAT"] {
        assert!(output.contains(name), "{output}");
    }
    assert!(!folder.path().join("home").exists());
}

#[test]
fn production_requires_its_own_secret() {
    let folder = world_readable_folder();
    let output = run(eventboard(folder.path(), "up").env("APP_ENV", "production")).failure(2);
    assert!(output.contains("JWT_SECRET"), "{output}");
}

#[test]
fn the_env_file_of_the_project_is_read() {
    let folder = world_readable_folder();
    fs::write(folder.path().join(".env"), "# mine\nGATEWAY_PORT=from-file\n").unwrap();
    let output = run(&mut eventboard(folder.path(), "up")).failure(2);
    assert!(output.contains("GATEWAY_PORT must be a port number"), "{output}");
}

#[test]
fn an_invalid_env_file_is_reported_without_its_secrets() {
    let folder = world_readable_folder();
    fs::write(folder.path().join(".env"), "JWT_SECRET='hush\n").unwrap();
    let output = run(&mut eventboard(folder.path(), "up")).failure(2);
    assert!(output.contains("JWT_SECRET") && !output.contains("hush"), "{output}");
}

#[test]
fn an_unreachable_database_is_reported_with_its_address() {
    let folder = world_readable_folder();
    let mut list = eventboard(folder.path(), "user list");
    let output = run(list.env("DATABASE_URL", "postgres://a:hush@127.0.0.1:1/b")).failure(1);
    assert!(output.contains("the database at 127.0.0.1:1 cannot be reached"), "{output}");
    assert!(!output.contains("hush"), "{output}");
}

#[test]
fn an_unknown_command_is_a_usage_error_and_help_lists_all_commands() {
    let folder = world_readable_folder();
    run(&mut eventboard(folder.path(), "upp")).failure(2);
    let help = run(&mut eventboard(folder.path(), "--help")).success();
    for command in ["up", "migrate", "seed", "healthcheck", "idempotency", "org", "user", "event"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
}

#[test]
fn an_invalid_server_folder_is_reported_with_the_fix() {
    let folder = world_readable_folder();
    let mut migrate = eventboard(folder.path(), "migrate");
    let output = run(migrate.env("EVENTBOARD_PG_BIN", folder.path())).failure(1);
    assert!(output.contains("EVENTBOARD_PG_BIN") && output.contains("PostgreSQL 15 or newer"), "{output}");
}
