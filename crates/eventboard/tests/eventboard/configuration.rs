//! Tests of the configuration from the environment and from `.env`.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

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
    assert!(output.contains("GATEWAY_PORT must be a whole number from 0 to 65535"), "{output}");
}

#[test]
fn an_invalid_env_file_is_reported_with_line_and_name_but_without_its_secrets() {
    let folder = world_readable_folder();
    for line in ["JWT_SECRET='hush", "JWT_SECRET=hush$hush", "JWT_SECRET=\"hush\\hush\"", "JWT_SECRET: hush"]
    {
        fs::write(folder.path().join(".env"), format!("# mine\nHOST=127.0.0.1\n{line}\n")).unwrap();
        for command in ["up", "user list"] {
            let output = run(&mut eventboard(folder.path(), command)).failure(2);
            assert_eq!(output.lines().count(), 1, "{output}");
            assert!(output.contains("/.env, line 3: JWT_SECRET ") && !output.contains("hush"), "{output}");
        }
    }
}

#[test]
fn the_environment_takes_precedence_over_the_env_file_and_the_last_line_over_the_others() {
    let folder = world_readable_folder();
    fs::write(
        folder.path().join(".env"),
        "GATEWAY_PORT=1\nAPP_ENV=one\nAPP_ENV=development\nLOG_FORMAT=xml\n",
    )
    .unwrap();
    let mut up = eventboard(folder.path(), "up");
    let output = run(up.env("LOG_FORMAT", "text").env("GATEWAY_PORT", "from-environment")).failure(2);
    assert_eq!(
        output,
        "eventboard: configuration error: GATEWAY_PORT must be a whole number from 0 to 65535\n"
    );
}

#[test]
fn the_folder_of_the_server_can_be_set_in_the_env_file() {
    let folder = world_readable_folder();
    fs::write(folder.path().join(".env"), "EVENTBOARD_PG_BIN=/nowhere\n").unwrap();
    let output = run(eventboard(folder.path(), "migrate").env_remove("EVENTBOARD_PG_BIN")).failure(1);
    assert!(output.contains("EVENTBOARD_PG_BIN=/nowhere is not usable"), "{output}");
}

#[test]
fn a_value_that_is_not_utf_8_is_reported_with_its_name() {
    let folder = world_readable_folder();
    let not_utf8 = OsStr::from_bytes(b"hush\xff");
    for variable in ["DATABASE_URL", "JWT_SECRET", "JWT_ISSUER", "EVENTBOARD_HOME", "RETRY_CAP"] {
        let output = run(eventboard(folder.path(), "up").env(variable, not_utf8)).failure(2);
        assert_eq!(output, format!("eventboard: configuration error: {variable} must be text in UTF-8\n"));
    }
}

#[test]
fn up_does_not_start_with_the_public_secret_on_an_address_that_other_machines_can_reach() {
    let folder = world_readable_folder();
    for host in ["0.0.0.0", "::", "192.0.2.1"] {
        let output = run(eventboard(folder.path(), "up").env("HOST", host)).failure(2);
        assert_eq!(output.lines().count(), 1, "{output}");
        for part in ["JWT_SECRET must be", "HOST=127.0.0.1", "ALLOW_INSECURE_JWT_SECRET=true"] {
            assert!(output.contains(part), "{output}");
        }
    }
    assert!(!folder.path().join("home").exists());
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
