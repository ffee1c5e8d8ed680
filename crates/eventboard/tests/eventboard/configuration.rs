//! What the environment and `.env` say, and what is said of it.

use std::fs;

use crate::support::{eventboard, finish, open_folder};

#[test]
fn every_bad_variable_is_named_at_once_with_exit_code_2() {
    let folder = open_folder();
    let mut up = eventboard(folder.path(), "up");
    up.envs([
        ("GATEWAY_PORT", "x"),
        ("DATABASE_MAX_CONNECTIONS", "0"),
        ("APP_ENV", "test"),
        ("LOG_FORMAT", "xml"),
    ]);
    let said = finish(&mut up).failure(2);
    for name in ["GATEWAY_PORT", "DATABASE_MAX_CONNECTIONS", "APP_ENV", "LOG_FORMAT"] {
        assert!(said.contains(name), "{said}");
    }
    assert!(!folder.path().join("home").exists());
}

#[test]
fn production_is_refused_without_a_secret_of_its_own() {
    let folder = open_folder();
    let said = finish(eventboard(folder.path(), "up").env("APP_ENV", "production")).failure(2);
    assert!(said.contains("JWT_SECRET"), "{said}");
}

#[test]
fn the_file_env_of_the_project_is_read() {
    let folder = open_folder();
    fs::write(folder.path().join(".env"), "# mine\nGATEWAY_PORT=from-file\n").unwrap();
    let said = finish(&mut eventboard(folder.path(), "up")).failure(2);
    assert!(said.contains("GATEWAY_PORT must be a port number"), "{said}");
}

#[test]
fn a_broken_file_env_is_told_without_its_secrets() {
    let folder = open_folder();
    fs::write(folder.path().join(".env"), "JWT_SECRET='hush\n").unwrap();
    let said = finish(&mut eventboard(folder.path(), "up")).failure(2);
    assert!(said.contains("JWT_SECRET") && !said.contains("hush"), "{said}");
}

#[test]
fn a_database_that_is_away_is_told_with_its_address() {
    let folder = open_folder();
    let mut list = eventboard(folder.path(), "user list");
    let said = finish(list.env("DATABASE_URL", "postgres://a:hush@127.0.0.1:1/b")).failure(1);
    assert!(said.contains("the database at 127.0.0.1:1 cannot be reached"), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn an_unknown_command_is_wrong_usage() {
    let folder = open_folder();
    finish(&mut eventboard(folder.path(), "upp")).failure(2);
    let help = finish(&mut eventboard(folder.path(), "--help")).success();
    for command in ["up", "migrate", "seed", "healthcheck", "idempotency", "org", "user", "event"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
}

#[test]
fn a_wrong_server_folder_is_told_with_the_remedy() {
    let folder = open_folder();
    let mut migrate = eventboard(folder.path(), "migrate");
    let said = finish(migrate.env("EVENTBOARD_PG_BIN", folder.path())).failure(1);
    assert!(said.contains("EVENTBOARD_PG_BIN") && said.contains("PostgreSQL 15 or newer"), "{said}");
}
