//! What the services are told: the environment of each pod, read by the service's own code.

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

/// The variables of a workload's container as the cluster puts them together: later sources go before earlier ones, and
/// what stands at the container before all of them. `own` are Secrets that an operator made.
pub(crate) fn environment(manifests: &Manifests, workload: &Object, own: &[(&str, Variables)]) -> Variables {
    let container = workload.container();
    let mut variables = Variables::new();
    for source in list(&container["envFrom"]) {
        let (kind, reference) = match (&source["configMapRef"], &source["secretRef"]) {
            (config, secret) if secret.is_null() => ("ConfigMap", config),
            (_, secret) => ("Secret", secret),
        };
        let name = reference["name"].as_str().unwrap();
        let made = own.iter().find(|(own, _)| kind == "Secret" && *own == name);
        match (made, manifests.find(kind, name)) {
            (Some((_, made)), None) => variables.extend(made.clone()),
            (None, Some(object)) => variables.extend(data(object)),
            (None, None) => assert_eq!(reference["optional"], true, "nobody makes the {kind} {name}"),
            (Some(_), Some(_)) => panic!("applying the files again would put an operator's {name} back"),
        }
    }
    let at_container = list(&container["env"]).iter();
    variables.extend(at_container.map(|variable| (text(&variable["name"]), text(&variable["value"]))));
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
    // Kubernetes takes no numbers and no booleans here.
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Reads everything that the service reads at its start.
fn read(service: &str, variables: &Variables) -> Result<TokenConfig, ConfigError> {
    config::read(Env::from_iter(variables.clone()), |env| {
        TelemetryConfig::from_env(env);
        MetricsConfig::from_env(env);
        match service {
            auth_service::NAME => auth_service::Config::from_env(env).token,
            events_service::NAME => events_service::Config::from_env(env).token,
            api_gateway::NAME => api_gateway::Config::from_env(env).token,
            _ => panic!("nobody knows {service}"),
        }
    })
}

/// A secret as `openssl rand -base64 48` makes one.
const OWN_SECRET: &str = "c2l4dGVlbiB0aW1lcyB0aHJlZSBpcyBmb3J0eSBlaWdodCwgaXMgaXQgbm90PyE=";

/// What RUNBOOK.md makes a Secret of: the lines of its file NAME.env.
fn own(name: &'static str) -> (&'static str, Variables) {
    let runbook = files::text("RUNBOOK.md");
    let (_, rest) = runbook.split_once(&format!("cat > {name}.env <<END\n")).unwrap();
    let lines = rest.lines().map(str::trim).take_while(|line| *line != "END");
    let variable = |line: &str| {
        let (name, value) = line.split_once('=').unwrap();
        let value = value.replace("$(openssl rand -base64 48)", OWN_SECRET).replace("$PASSWORD", "own");
        assert!(!value.contains('$'), "{value}");
        (name.to_owned(), value)
    };
    (name, lines.map(variable).collect())
}

#[test]
fn every_service_understands_what_it_is_told() {
    let manifests = Manifests::read();
    for service in services() {
        let told = environment(&manifests, manifests.get("Deployment", service.name), &[]);
        read(service.name, &told).unwrap_or_else(|error| panic!("{}: {error}", service.name));
    }
}

#[test]
fn the_demonstration_is_known_to_everybody_and_refused_in_production() {
    let manifests = Manifests::read();
    for service in services() {
        let mut told = environment(&manifests, manifests.get("Deployment", service.name), &[]);
        assert!(
            read(service.name, &told).unwrap().is_publicly_known(),
            "{} does not warn of it",
            service.name
        );
        told.insert("APP_ENV".to_owned(), "production".to_owned());
        let refusal = read(service.name, &told).expect_err("the secret is known").to_string();
        assert!(refusal.contains("JWT_SECRET must not be a secret of the documentation"), "{refusal}");
    }
}

#[test]
fn the_operators_own_secrets_go_before_the_demonstration() {
    let manifests = Manifests::read();
    let own = [own("eventboard"), own("eventboard-database")];
    for service in services() {
        let told = environment(&manifests, manifests.get("Deployment", service.name), &own);
        let token = read(service.name, &told).unwrap_or_else(|error| panic!("{}: {error}", service.name));
        assert_eq!(token.secret.expose_secret(), OWN_SECRET);
        assert_eq!(told["APP_ENV"], "production");
        if service.grpc.is_some() {
            assert_eq!(told["DATABASE_URL"], "postgres://eventboard:own@postgres:5432/eventboard_db");
        }
    }
    let told = environment(&manifests, manifests.get("StatefulSet", "postgres"), &own);
    assert_eq!(told["POSTGRES_PASSWORD"], "own");
}

#[test]
fn losing_a_secret_of_ones_own_does_not_bring_the_demonstration_back() {
    let manifests = Manifests::read();
    for service in services().iter().filter(|service| service.grpc.is_some()) {
        let deployment = manifests.get("Deployment", service.name);
        // Still in production, it does not start; without the other one, the database refuses the password.
        let told = environment(&manifests, deployment, &[own("eventboard-database")]);
        assert!(read(service.name, &told).is_err(), "{} starts", service.name);
    }
}

#[test]
fn nobody_is_told_a_secret_that_is_not_theirs() {
    let manifests = Manifests::read();
    let gateway = environment(&manifests, manifests.get("Deployment", api_gateway::NAME), &[]);
    assert!(!gateway.keys().any(|name| name.contains("DATABASE_URL") || name.starts_with("POSTGRES_")));
    let postgres = environment(&manifests, manifests.get("StatefulSet", "postgres"), &[]);
    assert!(!postgres.contains_key("JWT_SECRET"));
}

#[test]
fn the_services_log_in_to_the_database_that_is_made() {
    let manifests = Manifests::read();
    let database = manifests.get("StatefulSet", "postgres");
    let made = environment(&manifests, database, &[]);
    let service = database["spec"]["serviceName"].as_str().unwrap();
    let port = database.port("postgres").unwrap();
    let url = format!(
        "postgres://{}:{}@{service}:{port}/{}",
        made["POSTGRES_USER"], made["POSTGRES_PASSWORD"], made["POSTGRES_DB"]
    );
    for service in services().iter().filter(|service| service.grpc.is_some()) {
        let told = environment(&manifests, manifests.get("Deployment", service.name), &[]);
        assert_eq!(told["DATABASE_URL"], url, "{}", service.name);
    }
    manifests.get("Service", service);
}

/// Search without regard to case fails silently for other text than ASCII in the locale C.
#[test]
fn the_database_is_made_for_every_language() {
    let manifests = Manifests::read();
    let made = environment(&manifests, manifests.get("StatefulSet", "postgres"), &[]);
    assert_eq!(made["POSTGRES_INITDB_ARGS"], "--encoding=UTF8 --locale=C.UTF-8");
    assert_eq!(made["LANG"], "C.UTF-8");
}

#[test]
fn the_gateway_dials_names_that_stand_for_every_ready_pod() {
    let manifests = Manifests::read();
    let told = environment(&manifests, manifests.get("Deployment", api_gateway::NAME), &[]);
    for (variable, dialled) in
        [("AUTH_SERVICE_HOST", auth_service::NAME), ("EVENTS_SERVICE_HOST", events_service::NAME)]
    {
        assert_eq!(told[variable], dialled);
        let spec = &manifests.get("Service", dialled)["spec"];
        assert_eq!(spec["clusterIP"], "None", "{dialled}: an address would balance connections, not calls");
        assert_ne!(spec["publishNotReadyAddresses"], true, "{dialled}");
    }
}
