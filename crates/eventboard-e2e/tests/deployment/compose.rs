//! Tests of what the compose files publish, of the secrets that they allow, and of the database roles.

use eventboard_e2e::files::document;
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
    let loopback = [3001, 3002, 5432, 9090].map(|port| format!("127.0.0.1:{port}:{port}"));
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
        for name in ["api-gateway", "auth-service", "events-service"] {
            let environment = &services(file)[name]["environment"];
            assert!(environment["JWT_SECRET"].is_string(), "{file}: {name}");
            assert_eq!(environment["ALLOW_INSECURE_JWT_SECRET"] == "true", is_allowed, "{file}: {name}");
        }
    }
}

const BACKENDS: [&str; 2] = ["auth-service", "events-service"];

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
