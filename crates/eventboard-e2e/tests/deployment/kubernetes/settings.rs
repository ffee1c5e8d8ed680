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
use serde_json::Value;

use super::{Manifests, Object, entries, list, services};
use crate::files;

pub(crate) type Variables = BTreeMap<String, String>;

/// The effective variables of a workload's container. `operator_secrets` are the Secrets that an operator created.
pub(crate) fn environment(
    manifests: &Manifests,
    workload: &Object,
    operator_secrets: &[(&str, Variables)],
) -> Variables {
    environment_of(manifests, workload.container(), operator_secrets)
}

/// The effective variables of a container. Later sources override earlier ones, and the container's own variables
/// override all sources.
pub(crate) fn environment_of(
    manifests: &Manifests,
    container: &Value,
    operator_secrets: &[(&str, Variables)],
) -> Variables {
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
    for variable in list(&container["env"]) {
        let value = match &variable["valueFrom"]["secretKeyRef"] {
            reference if reference.is_null() => Some(text(&variable["value"])),
            reference => secret_value(reference, operator_secrets),
        };
        variables.extend(value.map(|value| (text(&variable["name"]), value)));
    }
    variables
}

/// The value of a single key of a Secret. `None` if the operator has not created it.
fn secret_value(reference: &Value, operator_secrets: &[(&str, Variables)]) -> Option<String> {
    assert_eq!(reference["optional"], true, "{reference}");
    let (_, secret) = operator_secrets.iter().find(|(secret, _)| reference["name"] == *secret)?;
    secret.get(reference["key"].as_str().unwrap()).cloned()
}

fn data(object: &Object) -> Variables {
    let decoded = |value: String| match object.kind() {
        // kustomize breaks long values into lines.
        "Secret" => String::from_utf8(BASE64_STANDARD.decode(value.replace('\n', "")).unwrap()).unwrap(),
        _ => value,
    };
    entries(&object["data"]).map(|(name, value)| (name.clone(), decoded(text(value)))).collect()
}

fn text(value: &Value) -> String {
    // Kubernetes accepts neither numbers nor booleans here.
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// Parses all settings that the service reads at start.
pub(crate) fn read(service: &str, variables: &Variables) -> Result<TokenConfig, ConfigError> {
    config::read(Env::from_iter(variables.clone()), |env| {
        TelemetryConfig::from_env(env);
        MetricsConfig::from_env(env);
        match service {
            auth_service::NAME => auth_service::Config::from_env(env).token,
            events_service::NAME => events_service::Config::from_env(env).token,
            notification_service::NAME => notification_service::Config::from_env(env).token,
            api_gateway::NAME => api_gateway::Config::from_env(env).token,
            _ => panic!("unknown service {service}"),
        }
    })
}

/// A secret in the format that `openssl rand -base64 48` prints.
const OPERATOR_SECRET: &str = "c2l4dGVlbiB0aW1lcyB0aHJlZSBpcyBmb3J0eSBlaWdodCwgaXMgaXQgbm90PyE=";

/// The Secret for mails. It is optional, because without it mails stay in the outbox.
pub(crate) const MAIL_SECRET: &str = "eventboard-mail";

/// The Secret that the runbook creates from the file NAME.env: the Secret's name and the lines of the file.
pub(crate) fn operator_secret(name: &'static str) -> (&'static str, Variables) {
    let page = files::text("docs/runbook/kubernetes-install.md");
    let (_, rest) = page.split_once(&format!("cat > deploy/kustomize/site/{name}.env <<END\n")).unwrap();
    let lines = rest.lines().map(str::trim).take_while(|line| *line != "END");
    let variable = |line: &str| {
        let (name, value) = line.split_once('=').unwrap();
        let value = value
            .replace("$(openssl rand -base64 48)", OPERATOR_SECRET)
            .replace("$ADMIN_PASSWORD", "own-of-operator")
            .replace("$PASSWORD", "own");
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
        assert!(error.contains("JWT_SECRET must be a secret of your own"), "{error}");
    }
}

#[test]
fn secrets_of_the_operator_replace_the_demo_secrets() {
    let manifests = Manifests::read();
    let secrets = operator_secrets();
    for service in services() {
        let variables = environment(&manifests, manifests.get("Deployment", service.name), &secrets);
        let token =
            read(service.name, &variables).unwrap_or_else(|error| panic!("{}: {error}", service.name));
        assert_eq!(token.secret.expose_secret(), OPERATOR_SECRET);
        assert_eq!(variables["APP_ENV"], "production");
        if service.uses_database() {
            assert_eq!(variables["DATABASE_URL"], "postgres://eventboard_app@postgres:5432/eventboard_db");
            assert_eq!(variables["DATABASE_PASSWORD"], "own");
            let migration = manifests.get("Deployment", service.name).migration();
            let variables = environment_of(&manifests, migration, &secrets);
            assert_eq!(variables["DATABASE_PASSWORD"], "own");
            assert_eq!(variables["MIGRATE_DATABASE_PASSWORD"], "own-of-operator");
            read_migration(variables).unwrap();
        }
    }
    let variables = environment(&manifests, manifests.get("StatefulSet", "postgres"), &secrets);
    assert_eq!(variables["POSTGRES_PASSWORD"], "own-of-operator");
}

pub(crate) fn operator_secrets() -> [(&'static str, Variables); 3] {
    ["eventboard", "eventboard-database", "eventboard-database-admin"].map(operator_secret)
}

/// Parses the settings of `eventboard migrate`, which are the database settings of a service.
pub(crate) fn read_migration(mut variables: Variables) -> Result<TokenConfig, ConfigError> {
    variables.insert("JWT_SECRET".to_owned(), OPERATOR_SECRET.to_owned());
    read(events_service::NAME, &variables)
}

#[test]
fn a_lost_operator_secret_does_not_reactivate_the_demo_secret() {
    let manifests = Manifests::read();
    for service in services().iter().filter(|service| service.uses_database()) {
        let deployment = manifests.get("Deployment", service.name);
        // The service is still in production mode and does not start. If the other Secret is lost, the database
        // rejects the password.
        let variables = environment(&manifests, deployment, &[operator_secret("eventboard-database")]);
        assert!(read(service.name, &variables).is_err(), "{} starts", service.name);
        // The role of the services must not get the public password.
        let secrets = [operator_secret("eventboard-database-admin")];
        let variables = environment_of(&manifests, deployment.migration(), &secrets);
        assert!(read_migration(variables).is_err(), "{} gets a public password", service.name);
    }
}

#[test]
fn each_workload_gets_only_the_secrets_it_needs() {
    let manifests = Manifests::read();
    let gateway = environment(&manifests, manifests.get("Deployment", api_gateway::NAME), &[]);
    assert!(!gateway.keys().any(|name| name.contains("DATABASE_URL") || name.starts_with("POSTGRES_")));
    let postgres = environment(&manifests, manifests.get("StatefulSet", "postgres"), &[]);
    assert!(!postgres.contains_key("JWT_SECRET"));
    for service in services().iter().filter(|service| service.uses_database()) {
        let deployment = manifests.get("Deployment", service.name);
        let of_service = environment(&manifests, deployment, &operator_secrets());
        let of_operator = |name: &&String| name.starts_with("MIGRATE_") || name.starts_with("POSTGRES_");
        assert_eq!(of_service.keys().find(of_operator), None, "{}", service.name);
        let of_migration = environment_of(&manifests, deployment.migration(), &operator_secrets());
        assert!(!of_migration.contains_key("JWT_SECRET"), "{}", service.name);
    }
}

/// auth-service and events-service only learn that mails are sent, and the gateway where people reach the board.
#[test]
fn only_notification_service_gets_the_secret_for_mails() {
    let manifests = Manifests::read();
    let secrets = [&operator_secrets()[..], &[operator_secret(MAIL_SECRET)]].concat();
    for service in services() {
        let deployment = manifests.get("Deployment", service.name);
        let variables = environment(&manifests, deployment, &secrets);
        let expected: &[&str] = match service.name {
            notification_service::NAME => &["SMTP_URL", "MAIL_FROM", "PUBLIC_URL"],
            auth_service::NAME | events_service::NAME => &["MAIL_FROM"],
            api_gateway::NAME => &["PUBLIC_URL"],
            _ => &[],
        };
        for name in ["SMTP_URL", "MAIL_FROM", "PUBLIC_URL"] {
            assert_eq!(variables.contains_key(name), expected.contains(&name), "{}: {name}", service.name);
        }
        read(service.name, &variables).unwrap_or_else(|error| panic!("{}: {error}", service.name));
        if service.uses_database() {
            let migration = environment_of(&manifests, deployment.migration(), &secrets);
            assert!(!migration.contains_key("SMTP_URL"), "{}", service.name);
        }
    }
}

#[test]
fn every_pod_that_uses_the_database_migrates_first_with_its_own_image() {
    let manifests = Manifests::read();
    for service in services().iter().filter(|service| service.uses_database()) {
        let deployment = manifests.get("Deployment", service.name);
        let migration = deployment.migration();
        assert_eq!(migration["image"], deployment.container()["image"], "{}", service.name);
        let command = migration["command"].to_string();
        assert!(command.contains("eventboard migrate &"), "{}: {command}", service.name);
    }
    assert!(manifests.get("Deployment", api_gateway::NAME).pod()["initContainers"].is_null());
}

#[test]
fn the_database_url_of_the_services_matches_the_database() {
    let manifests = Manifests::read();
    let database = manifests.get("StatefulSet", "postgres");
    let variables = environment(&manifests, database, &[]);
    let service = database["spec"]["serviceName"].as_str().unwrap();
    let port = database.port("postgres").unwrap();
    let (user, password) = (&variables["POSTGRES_USER"], &variables["POSTGRES_PASSWORD"]);
    let address = format!("@{service}:{port}/{}", variables["POSTGRES_DB"]);
    for service in services().iter().filter(|service| service.uses_database()) {
        let deployment = manifests.get("Deployment", service.name);
        let migration = environment_of(&manifests, deployment.migration(), &[]);
        assert_eq!(migration["MIGRATE_DATABASE_URL"], format!("postgres://{user}:{password}{address}"));
        let url = &environment(&manifests, deployment, &[])["DATABASE_URL"];
        assert_eq!(*url, migration["DATABASE_URL"], "{}", service.name);
        assert!(url.ends_with(&address) && !url.contains(&format!("//{user}:")), "{url}");
        read_migration(migration).unwrap();
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
fn the_gateway_connects_to_host_names_that_resolve_to_every_pod() {
    let manifests = Manifests::read();
    let variables = environment(&manifests, manifests.get("Deployment", api_gateway::NAME), &[]);
    for (variable, host) in
        [("AUTH_SERVICE_HOST", auth_service::NAME), ("EVENTS_SERVICE_HOST", events_service::NAME)]
    {
        assert_eq!(variables[variable], host);
        let spec = &manifests.get("Service", host)["spec"];
        assert_eq!(spec["clusterIP"], "None", "{host}: a cluster IP would balance connections, not calls");
        // DNS would cache that no pod is ready. The gateway itself checks which pods are.
        assert_eq!(spec["publishNotReadyAddresses"], true, "{host}");
    }
}
