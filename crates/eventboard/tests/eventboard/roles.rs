//! Tests of `eventboard migrate` with a role for the services.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
};

use eventboard_testing::dedicated_cluster;

use crate::support::{eventboard, run, world_readable_folder};

const PASSWORD: &str = r#"a/b#c?d%e@f$g'h"i\j`k l"#;

/// A command of the services, on an empty database.
fn of_services(folder: &Path, port: u16, arguments: &str) -> Command {
    let mut command = eventboard(folder, arguments);
    command.env("DATABASE_URL", format!("postgres://services@127.0.0.1:{port}/empty"));
    command.env("DATABASE_PASSWORD", PASSWORD);
    command
}

#[tokio::test]
async fn the_services_get_a_role_that_works_with_any_password_and_cannot_migrate() {
    let (cluster, _) = dedicated_cluster().await;
    cluster.create_database("empty").await.unwrap();
    let folder = world_readable_folder();
    let of_services = |arguments| of_services(folder.path(), cluster.port(), arguments);
    // The operator's password is in a file, and replaces the one in the URL.
    let url = cluster.url("empty");
    let (_, password_and_host) = url.strip_prefix("postgres://").unwrap().split_once(':').unwrap();
    let (password, _) = password_and_host.split_once('@').unwrap();
    let file = folder.path().join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    let migrate = || {
        let mut command = of_services("migrate");
        command.env("MIGRATE_DATABASE_URL", url.replace(password, "wrong"));
        command.env("MIGRATE_DATABASE_PASSWORD_FILE", &file);
        command
    };

    let error = run(&mut of_services("migrate")).failure(1);
    assert!(error.contains("cannot be reached") && !error.contains("a/b#c"), "{error}");
    for _ in 0..2 {
        run(&mut migrate()).success();
    }
    run(&mut of_services("migrate")).success();
    run(&mut of_services("seed")).success();
    let organizations = run(&mut of_services("org list --json")).json();
    assert!(!organizations.is_empty());

    let changed = "postgres://services:other@127.0.0.1";
    let error = run(of_services("org list").env("DATABASE_PASSWORD", "other")).failure(1);
    assert!(error.contains("cannot be reached"), "{error}");
    run(migrate().env("DATABASE_PASSWORD", "other")).success();
    let url = format!("{changed}:{}/empty", cluster.port());
    run(of_services("org list").env("DATABASE_URL", url).env("DATABASE_PASSWORD", "")).success();
}

#[tokio::test]
async fn a_role_that_may_not_migrate_says_what_must_run_first() {
    let (cluster, _) = dedicated_cluster().await;
    cluster.create_database("empty").await.unwrap();
    let folder = world_readable_folder();
    let of_services = |arguments| of_services(folder.path(), cluster.port(), arguments);
    let other_schema = cluster.url("eventboard_template");
    // Creates the role, but migrates another database.
    let mut migrate = of_services("migrate");
    run(migrate.env("MIGRATE_DATABASE_URL", other_schema)).success();
    for command in ["migrate", "seed"] {
        let error = run(&mut of_services(command)).failure(1);
        assert!(
            error.contains("this role may not change it") && error.contains("eventboard migrate"),
            "{error}"
        );
    }
}

#[test]
fn a_migration_gives_up_a_server_that_does_not_respond() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let folder = world_readable_folder();
    let error = run(&mut of_services(folder.path(), port, "migrate")).failure(1);
    assert!(error.contains("no response within 10s"), "{error}");
}
