//! Tests of what the compose files publish, of the secrets that they allow, and of the database roles.

use eventboard_e2e::files::{document, text};
use serde_json::{Map, Value};

const DEVELOPMENT: &str = "docker-compose.microservices.yml";
const PRODUCTION: &str = "docker-compose.prod.yml";

fn services(file: &str) -> Map<String, Value> {
    document(file)["services"].as_object().unwrap().clone()
}

/// The published ports in the notation of the file, for example `127.0.0.1:3001:3001`, sorted.
fn published_ports(file: &str) -> Vec<String> {
    let ports = services(file).into_iter().flat_map(|(_, service)| {
        let ports = service["ports"].as_array().cloned().unwrap_or_default();
        ports.into_iter().map(|port| port.as_str().expect("the short notation").to_owned())
    });
    let mut ports: Vec<_> = ports.collect();
    ports.sort();
    ports
}

#[test]
fn other_machines_can_reach_only_the_api_of_the_development_stack() {
    let loopback = [3001, 3002, 3003, 5432, 8025, 9090].map(|port| format!("127.0.0.1:{port}:{port}"));
    let mut expected = [&loopback[..], &["127.0.0.1:3030:3000".to_owned(), "3000:3000".to_owned()]].concat();
    expected.sort();
    assert_eq!(published_ports(DEVELOPMENT), expected);
}

#[test]
fn other_machines_can_reach_only_the_proxy_of_the_production_stack() {
    let ports = published_ports(PRODUCTION);
    let reachable: Vec<_> = ports.iter().filter(|port| !port.starts_with("127.0.0.1:")).collect();
    assert_eq!(reachable, ["443:443", "80:80"]);
}

#[test]
fn only_the_development_stack_allows_an_insecure_secret() {
    for (file, is_allowed) in [(DEVELOPMENT, true), (PRODUCTION, false)] {
        for name in ["api-gateway", "auth-service", "events-service", "notification-service"] {
            let environment = &services(file)[name]["environment"];
            assert!(environment["JWT_SECRET"].is_string(), "{file}: {name}");
            assert_eq!(environment["ALLOW_INSECURE_JWT_SECRET"] == "true", is_allowed, "{file}: {name}");
        }
    }
}

/// The services that use the database.
const BACKENDS: [&str; 3] = ["auth-service", "events-service", "notification-service"];

/// The values of a service's variables, with those from the merged mappings.
fn variables(service: &Value) -> Vec<(String, String)> {
    let own = service["environment"].as_object().into_iter().flatten();
    own.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

fn value_of(service: &Value, name: &str) -> Option<String> {
    variables(service).into_iter().find(|(variable, _)| variable == name).map(|(_, value)| value)
}

#[test]
fn only_postgres_and_the_migration_get_the_operators_password() {
    for (name, service) in &services(PRODUCTION) {
        let knows = variables(service).iter().any(|(_, value)| value.contains("${POSTGRES_PASSWORD"));
        assert_eq!(knows, ["postgres", "migrate"].contains(&name.as_str()), "{name}");
    }
}

#[test]
fn the_services_connect_as_another_role_than_the_migration_and_start_after_it() {
    let services = services(PRODUCTION);
    let operator = value_of(&services["postgres"], "POSTGRES_USER").unwrap();
    let database = value_of(&services["postgres"], "POSTGRES_DB").unwrap();
    let url = |role: &str| format!("postgres://{role}@postgres:5432/{database}");
    let migration = &services["migrate"];
    assert_eq!(value_of(migration, "MIGRATE_DATABASE_URL"), Some(url(&operator)));
    assert_eq!(migration["command"], serde_json::json!(["eventboard", "migrate"]));
    // docker-compose 1.29 pulls an image that it cannot build.
    for key in ["image", "build"] {
        assert_eq!(migration[key], services["auth-service"][key], "{key}");
    }
    // Otherwise it would run again and again.
    assert_eq!(migration["restart"], "no");
    for backend in BACKENDS.map(|name| &services[name]) {
        assert_eq!(value_of(backend, "DATABASE_URL"), Some(url("eventboard_app")));
        for name in ["DATABASE_URL", "DATABASE_PASSWORD"] {
            assert_eq!(value_of(backend, name), value_of(migration, name), "{name}");
        }
        assert_eq!(value_of(backend, "MIGRATE_DATABASE_URL"), None);
        let condition = &backend["depends_on"]["migrate"]["condition"];
        assert_eq!(condition, "service_completed_successfully");
    }
}

/// In a URL, some characters of a password have a meaning.
#[test]
fn no_password_is_inserted_into_a_url() {
    for file in [PRODUCTION, DEVELOPMENT] {
        for (name, service) in &services(file) {
            for (variable, value) in variables(service) {
                assert!(!(value.contains("://") && value.contains("${")), "{file}: {name}: {variable}");
            }
        }
    }
}

const MAILS: &str = "notification-service";
/// The services that require a verified address where mails are sent.
const VERIFYING: [&str; 2] = ["auth-service", "events-service"];

/// In production, the services that require a verified address only learn that mails are sent. The gateway learns where people reach
/// the board.
#[test]
fn only_notification_service_gets_the_settings_for_mails() {
    for file in [DEVELOPMENT, PRODUCTION] {
        for (name, service) in &services(file) {
            for variable in ["SMTP_URL", "MAIL_FROM", "PUBLIC_URL"] {
                let learns_it =
                    file == PRODUCTION && VERIFYING.contains(&name.as_str()) && variable == "MAIL_FROM";
                assert_eq!(
                    value_of(service, variable).is_some(),
                    name == MAILS || learns_it || (name == "api-gateway" && variable == "PUBLIC_URL"),
                    "{file}: {name}: {variable}"
                );
            }
        }
    }
}

/// The services start without a mail server, and mails then stay in the outbox.
#[test]
fn production_starts_without_a_mail_server() {
    let service = &services(PRODUCTION)[MAILS];
    for variable in ["SMTP_URL", "MAIL_FROM", "PUBLIC_URL"] {
        assert_eq!(value_of(service, variable), Some(format!("${{{variable}:-}}")));
    }
    assert_eq!(value_of(service, "MAIL_FOLDER"), None);
}

#[test]
fn development_sends_mails_to_mailpit_where_it_runs_and_otherwise_writes_files_to_a_volume() {
    let services = services(DEVELOPMENT);
    let mailpit = &services["mailpit"];
    assert_eq!(mailpit["profiles"], serde_json::json!(["mail"]));
    let script = services[MAILS]["command"][2].as_str().unwrap();
    assert!(script.contains("smtp://mailpit:1025?tls=none"), "{script}");
    let (folder, _) = script.split_once("MAIL_FOLDER=").unwrap().1.split_once('\n').unwrap();
    assert_eq!(services[MAILS]["volumes"], serde_json::json!([format!("mail_data:{folder}")]));
    // Otherwise the volume would belong to root.
    assert!(text("Dockerfile").contains(&format!("RUN install -d {folder}\n")));
}

/// A service that stops finishes the mails that it is sending.
#[test]
fn containers_that_send_mails_may_take_longer_than_a_delivery_to_stop() {
    let delivery = text(".env.example").contains("\n#SMTP_TIMEOUT=30s\n");
    assert!(delivery, "SMTP_TIMEOUT has another default");
    for file in [DEVELOPMENT, PRODUCTION] {
        assert_eq!(services(file)[MAILS]["stop_grace_period"], "40s", "{file}");
    }
}

#[test]
fn the_version_of_mailpit_is_pinned_and_the_same_everywhere() {
    let example = text(".env.example");
    let version = example.lines().find_map(|line| line.strip_prefix("#MAILPIT_VERSION=")).unwrap();
    let image = format!("axllent/mailpit:${{MAILPIT_VERSION:-{version}}}");
    assert_eq!(services(DEVELOPMENT)["mailpit"]["image"], image);
    assert!(text("deploy/base-images/build").contains(&format!("\nmailpit={version}\n")));
}
