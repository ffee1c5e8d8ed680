//! Parses the environment of each pod with the service's own configuration code.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use eventboard_chassis::{
    config::{self, ConfigError, Env},
    metrics_endpoint::MetricsConfig,
    telemetry::TelemetryConfig,
    token::TokenConfig,
};
use secrecy::ExposeSecret;

use super::{Manifests, Object, entries, list, services};
use crate::files;

pub(crate) type Variables = BTreeMap<String, String>;

/// The effective variables of a workload's container. Later sources override earlier ones, and the container's own
/// variables override all sources. `operator_secrets` are the Secrets that an operator created.
pub(crate) fn environment(
    manifests: &Manifests,
    workload: &Object,
    operator_secrets: &[(&str, Variables)],
) -> Variables {
    let container = workload.container();
    let mut variables = Variables::new();
    for source in list(&container["envFrom"]) {
        let (kind, reference) = match (&source["configMapRef"], &source["secretRef"]) {
            (config, secret) if secret.is_null() => ("ConfigMap", config),
            (_, secret) => ("Secret", secret),
        };
        let name = reference["name"].as_str().unwrap();
        let secret = operator_secrets.iter().find(|(secret, _)| kind == "Secret" && *secret == name);
        match (secret, manifests.find(kind, name)) {
            (Some((_, secret)), None) => variables.extend(secret.clone()),
            (None, Some(object)) => variables.extend(data(object)),
            (None, None) => assert_eq!(reference["optional"], true, "the {kind} {name} is not defined"),
            (Some(_), Some(_)) => panic!("applying the files again would overwrite an operator's {name}"),
        }
    }
    let container_variables = list(&container["env"]).iter();
    variables.extend(container_variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))));
    variables
}

fn data(object: &Object) -> Variables {
    let decoded = |value: String| match object.kind() {
        "Secret" => String::from_utf8(BASE64_STANDARD.decode(value).unwrap()).unwrap(),
        _ => value,
    };
    entries(&object["data"]).map(|(name, value)| (name.clone(), decoded(text(value)))).collect()
}

fn text(value: &serde_json::Value) -> String {
    // Kubernetes accepts neither numbers nor booleans here.
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// Parses all settings that the service reads at start.
fn read(service: &str, variables: &Variables) -> Result<TokenConfig, ConfigError> {
    config::read(Env::from_iter(variables.clone()), |env| {
        TelemetryConfig::from_env(env);
        MetricsConfig::from_env(env);
        match service {
            auth_service::NAME => auth_service::Config::from_env(env).token,
            events_service::NAME => events_service::Config::from_env(env).token,
            api_gateway::NAME => api_gateway::Config::from_env(env).token,
            _ => panic!("unknown service {service}"),
        }
    })
}

/// A secret in the format that `openssl rand -base64 48` prints.
const OPERATOR_SECRET: &str = "c2l4dGVlbiB0aW1lcyB0aHJlZSBpcyBmb3J0eSBlaWdodCwgaXMgaXQgbm90PyE=";

/// The Secret that the runbook creates from the file NAME.env: the Secret's name and the lines of the file.
fn operator_secret(name: &'static str) -> (&'static str, Variables) {
    let page = files::text("docs/runbook/kubernetes-install.md");
    let (_, rest) = page.split_once(&format!("cat > {name}.env <<END\n")).unwrap();
    let lines = rest.lines().map(str::trim).take_while(|line| *line != "END");
    let variable = |line: &str| {
        let (name, value) = line.split_once('=').unwrap();
        let value = value.replace("$(openssl rand -base64 48)", OPERATOR_SECRET).replace("$PASSWORD", "own");
        assert!(!value.contains('$'), "{value}");
        (name.to_owned(), value)
    };
    (name, lines.map(variable).collect())
}

#[test]
fn the_configuration_of_every_service_is_valid() {
    let manifests = Manifests::read();
    for service in services() {
        let variables = environment(&manifests, manifests.get("Deployment", service.name), &[]);
        read(service.name, &variables).unwrap_or_else(|error| panic!("{}: {error}", service.name));
    }
}

#[test]
fn the_public_demo_secret_is_rejected_in_production() {
    let manifests = Manifests::read();
    for service in services() {
        let mut variables = environment(&manifests, manifests.get("Deployment", service.name), &[]);
        assert!(
            read(service.name, &variables).unwrap().is_publicly_known(),
            "{} does not warn about the public secret",
            service.name
        );
        variables.insert("APP_ENV".to_owned(), "production".to_owned());
        let error = read(service.name, &variables).expect_err("the secret is public").to_string();
        assert!(error.contains("JWT_SECRET must not be a secret from the documentation"), "{error}");
    }
}

#[test]
fn secrets_of_the_operator_replace_the_demo_secrets() {
    let manifests = Manifests::read();
    let secrets = [operator_secret("eventboard"), operator_secret("eventboard-database")];
    for service in services() {
        let variables = environment(&manifests, manifests.get("Deployment", service.name), &secrets);
        let token =
            read(service.name, &variables).unwrap_or_else(|error| panic!("{}: {error}", service.name));
        assert_eq!(token.secret.expose_secret(), OPERATOR_SECRET);
        assert_eq!(variables["APP_ENV"], "production");
        if service.grpc.is_some() {
            assert_eq!(variables["DATABASE_URL"], "postgres://eventboard:own@postgres:5432/eventboard_db");
        }
    }
    let variables = environment(&manifests, manifests.get("StatefulSet", "postgres"), &secrets);
    assert_eq!(variables["POSTGRES_PASSWORD"], "own");
}

#[test]
fn a_lost_operator_secret_does_not_reactivate_the_demo_secret() {
    let manifests = Manifests::read();
    for service in services().iter().filter(|service| service.grpc.is_some()) {
        let deployment = manifests.get("Deployment", service.name);
        // The service is still in production mode and does not start. If the other Secret is lost, the database
        // rejects the password.
        let variables = environment(&manifests, deployment, &[operator_secret("eventboard-database")]);
        assert!(read(service.name, &variables).is_err(), "{} starts", service.name);
    }
}

#[test]
fn each_workload_gets_only_the_secrets_it_needs() {
    let manifests = Manifests::read();
    let gateway = environment(&manifests, manifests.get("Deployment", api_gateway::NAME), &[]);
    assert!(!gateway.keys().any(|name| name.contains("DATABASE_URL") || name.starts_with("POSTGRES_")));
    let postgres = environment(&manifests, manifests.get("StatefulSet", "postgres"), &[]);
    assert!(!postgres.contains_key("JWT_SECRET"));
}

#[test]
fn the_database_url_of_the_services_matches_the_database() {
    let manifests = Manifests::read();
    let database = manifests.get("StatefulSet", "postgres");
    let variables = environment(&manifests, database, &[]);
    let service = database["spec"]["serviceName"].as_str().unwrap();
    let port = database.port("postgres").unwrap();
    let url = format!(
        "postgres://{}:{}@{service}:{port}/{}",
        variables["POSTGRES_USER"], variables["POSTGRES_PASSWORD"], variables["POSTGRES_DB"]
    );
    for service in services().iter().filter(|service| service.grpc.is_some()) {
        let variables = environment(&manifests, manifests.get("Deployment", service.name), &[]);
        assert_eq!(variables["DATABASE_URL"], url, "{}", service.name);
    }
    manifests.get("Service", service);
}

/// In the locale C, case-insensitive search silently fails for text that is not ASCII.
#[test]
fn the_database_has_a_unicode_locale() {
    let manifests = Manifests::read();
    let variables = environment(&manifests, manifests.get("StatefulSet", "postgres"), &[]);
    assert_eq!(variables["POSTGRES_INITDB_ARGS"], "--encoding=UTF8 --locale=C.UTF-8");
    assert_eq!(variables["LANG"], "C.UTF-8");
}

#[test]
fn the_gateway_connects_to_host_names_that_resolve_to_every_ready_pod() {
    let manifests = Manifests::read();
    let variables = environment(&manifests, manifests.get("Deployment", api_gateway::NAME), &[]);
    for (variable, host) in
        [("AUTH_SERVICE_HOST", auth_service::NAME), ("EVENTS_SERVICE_HOST", events_service::NAME)]
    {
        assert_eq!(variables[variable], host);
        let spec = &manifests.get("Service", host)["spec"];
        assert_eq!(spec["clusterIP"], "None", "{host}: a cluster IP would balance connections, not calls");
        assert_ne!(spec["publishNotReadyAddresses"], true, "{host}");
    }
}
