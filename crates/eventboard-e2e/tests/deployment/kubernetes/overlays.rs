//! Tests of the overlays in `deploy/kustomize`. `kubectl kustomize` builds them; `KUBECTL` can name another kubectl.
//! Without kubectl, these tests check nothing.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    Manifests, Role, list,
    pods::restricted_standard_violations,
    services,
    settings::{
        MAIL_SECRET, Variables, environment, environment_of, operator_secret, operator_secrets, read,
        read_migration,
    },
    strings,
};
use crate::files;

const HOST: &str = "events.example.com";

/// A copy of `k8s/` and of the overlays, with the files that an operator adds.
struct Checkout {
    folder: TempDir,
    kubectl: PathBuf,
}

impl Checkout {
    /// `None` without kubectl.
    fn new() -> Option<Self> {
        let kubectl = env::var_os("KUBECTL").map_or("kubectl".into(), PathBuf::from);
        match Command::new(&kubectl).arg("help").output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("kubectl is not installed: the overlays are not checked");
                return None;
            }
            result => result.unwrap(),
        };
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("deploy")).unwrap();
        for source in ["k8s", "deploy/kustomize"] {
            let (from, to) = (files::root().join(source), folder.path().join(source));
            assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
        }
        Some(Self { folder, kubectl })
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("deploy/kustomize").join(path)
    }

    /// Builds an overlay.
    fn render(&self, overlay: &str) -> Manifests {
        let output = Command::new(&self.kubectl).arg("kustomize").arg(self.path(overlay)).output().unwrap();
        assert!(output.status.success(), "{overlay}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{overlay}: {}", String::from_utf8_lossy(&output.stderr));
        Manifests::parse(&String::from_utf8(output.stdout).unwrap())
    }

    /// Builds production with one of the components.
    fn render_with(&self, component: &str) -> Manifests {
        let overlay = self.path("site");
        fs::create_dir_all(&overlay).unwrap();
        let text = format!("resources: [../production]\ncomponents: [../components/{component}]\n");
        fs::write(overlay.join("kustomization.yaml"), text).unwrap();
        self.render("site")
    }

    /// Builds the example with the Secrets that the runbook creates.
    fn render_example(&self) -> Manifests {
        for (name, variables) in operator_secrets() {
            fs::write(self.path(format!("example/{name}.env")), lines(&variables)).unwrap();
        }
        self.render("example")
    }
}

fn lines(variables: &Variables) -> String {
    variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// The host names of the Ingress.
fn hosts(manifests: &Manifests) -> Vec<&str> {
    let spec = &manifests.get("Ingress", "api-gateway")["spec"];
    let tls = list(&spec["tls"]).iter().flat_map(|entry| strings(&entry["hosts"]));
    tls.chain(list(&spec["rules"]).iter().map(|rule| rule["host"].as_str().unwrap())).collect()
}

fn minimum_and_maximum(manifests: &Manifests, service: &str) -> [Value; 2] {
    let spec = &manifests.get("HorizontalPodAutoscaler", service)["spec"];
    [spec["minReplicas"].clone(), spec["maxReplicas"].clone()]
}

#[test]
fn development_is_the_demonstration_with_one_pod_of_each_service() {
    let Some(checkout) = Checkout::new() else { return };
    let development = checkout.render("development");
    assert_eq!(development.all().len(), Manifests::read().all().len());
    for service in services() {
        assert_eq!(development.get("Deployment", service.name).minimum_replicas(&development), 1);
        let variables = environment(&development, development.get("Deployment", service.name), &[]);
        read(service.name, &variables).unwrap_or_else(|error| panic!("{}: {error}", service.name));
        assert_eq!(variables["APP_ENV"], "development");
    }
    assert_eq!(hosts(&development), ["eventboard.localhost"; 2]);
}

#[test]
fn production_contains_no_secret_and_no_pod_starts_without_yours() {
    let Some(checkout) = Checkout::new() else { return };
    let production = checkout.render("production");
    assert_eq!(production.of_kind("Secret").count(), 0);
    for workload in production.workloads() {
        for container in workload.containers() {
            for source in list(&container["envFrom"]) {
                let name = source["secretRef"]["name"].as_str().unwrap_or_default();
                assert!(!name.contains("demonstration"), "{}: {name}", workload.name());
                // Without the Secret for mails, mails wait. There is no public one that could take its place.
                let is_optional = source["secretRef"]["optional"] == true;
                assert_eq!(is_optional, name == MAIL_SECRET, "{}: {source}", workload.name());
                let config = &source["configMapRef"];
                assert!(config["optional"].is_null(), "{}: {source} is optional", workload.name());
            }
        }
    }
    let (all, demonstration) = (production.all().len(), Manifests::read());
    assert_eq!(all + demonstration.of_kind("Secret").count(), demonstration.all().len());
}

#[test]
fn in_production_the_services_accept_the_secrets_of_the_runbook() {
    let Some(checkout) = Checkout::new() else { return };
    let (production, secrets) = (checkout.render("production"), operator_secrets());
    for service in services() {
        let deployment = production.get("Deployment", service.name);
        let variables = environment(&production, deployment, &secrets);
        assert_eq!(variables["APP_ENV"], "production");
        let token =
            read(service.name, &variables).unwrap_or_else(|error| panic!("{}: {error}", service.name));
        assert!(!token.is_publicly_known(), "{}", service.name);
        assert!(!variables.keys().any(|name| name.starts_with("POSTGRES_") || name.starts_with("MIGRATE_")));
        if service.uses_database() {
            let migration = environment_of(&production, deployment.migration(), &secrets);
            assert!(!migration.contains_key("JWT_SECRET"), "{}", service.name);
            assert_eq!(migration["MIGRATE_DATABASE_PASSWORD"], "own-of-operator");
            read_migration(migration).unwrap();
        } else {
            assert!(!variables.contains_key("DATABASE_URL"));
        }
    }
    let postgres = environment(&production, production.get("StatefulSet", "postgres"), &secrets);
    assert_eq!(postgres["POSTGRES_PASSWORD"], "own-of-operator");
    assert!(!postgres.contains_key("JWT_SECRET"));
}

#[test]
fn in_production_only_notification_service_gets_the_secret_for_mails() {
    let Some(checkout) = Checkout::new() else { return };
    let production = checkout.render("production");
    let secrets = [&operator_secrets()[..], &[operator_secret(MAIL_SECRET)]].concat();
    for service in services() {
        let variables = environment(&production, production.get("Deployment", service.name), &secrets);
        assert_eq!(variables.contains_key("SMTP_URL"), service.role == Role::Worker, "{}", service.name);
        read(service.name, &variables).unwrap_or_else(|error| panic!("{}: {error}", service.name));
    }
}

#[test]
fn the_example_changes_images_host_replicas_resources_and_secrets() {
    let Some(checkout) = Checkout::new() else { return };
    let example = checkout.render_example();
    for workload in example.workloads() {
        for container in workload.containers() {
            let image = container["image"].as_str().unwrap();
            assert!(image.starts_with("registry.example.org/"), "{image}");
        }
    }
    assert_eq!(hosts(&example), [HOST; 2]);
    assert_eq!(example.get("Ingress", "api-gateway")["spec"]["ingressClassName"], "traefik");
    assert_eq!(minimum_and_maximum(&example, events_service::NAME), [3, 4]);
    let limits = &example.get("Deployment", events_service::NAME).container()["resources"]["limits"];
    assert_eq!(limits["memory"], "1Gi");
    let claim = &example.get("PersistentVolumeClaim", "postgres-data")["spec"];
    assert_eq!(claim["resources"]["requests"]["storage"], "20Gi");
    for (name, _) in operator_secrets() {
        assert_eq!(example.get("Secret", name)["metadata"]["namespace"], "eventboard");
    }
}

#[test]
fn every_character_is_allowed_in_a_password() {
    let Some(checkout) = Checkout::new() else { return };
    let password = r#" a"b#c$d=e 'f\"#;
    checkout.render_example();
    fs::write(checkout.path("example/eventboard-database.env"), format!("DATABASE_PASSWORD={password}\n"))
        .unwrap();
    let example = checkout.render("example");
    let variables = environment(&example, example.get("Deployment", events_service::NAME), &[]);
    assert_eq!(variables["DATABASE_PASSWORD"], password);
}

#[test]
fn the_gateway_api_replaces_the_ingress_and_terminates_tls_with_the_same_certificate() {
    let Some(checkout) = Checkout::new() else { return };
    let manifests = checkout.render_with("gateway-api");
    assert!(manifests.find("Ingress", "api-gateway").is_none());
    let demonstration = Manifests::read();
    let ingress = &demonstration.get("Ingress", "api-gateway")["spec"];
    let [https, http] = list(&manifests.get("Gateway", "eventboard")["spec"]["listeners"]) else {
        panic!("not two listeners")
    };
    assert_eq!(https["tls"]["certificateRefs"][0]["name"], ingress["tls"][0]["secretName"]);
    for listener in [https, http] {
        assert_eq!(listener["hostname"], ingress["rules"][0]["host"]);
    }
    let route = &manifests.get("HTTPRoute", "api-gateway")["spec"];
    assert_eq!(route["parentRefs"][0]["sectionName"], https["name"]);
    let backend = &route["rules"][0]["backendRefs"][0];
    assert_eq!((&backend["name"], &backend["port"]), (&api_gateway::NAME.into(), &3000.into()));
    let redirect = &manifests.get("HTTPRoute", "api-gateway-redirect")["spec"];
    assert_eq!(redirect["parentRefs"][0]["sectionName"], http["name"]);
    // Longer than Envoy keeps its idle connections.
    let variables =
        environment(&manifests, manifests.get("Deployment", api_gateway::NAME), &operator_secrets());
    assert_eq!(variables["KEEP_ALIVE_TIMEOUT"], "3700s");
    read(api_gateway::NAME, &variables).unwrap();
}

#[test]
fn external_secrets_create_the_secrets_that_the_pods_need() {
    let Some(checkout) = Checkout::new() else { return };
    let manifests = checkout.render_with("external-secrets");
    let mut created: Vec<_> = manifests.of_kind("ExternalSecret").map(|object| object.name()).collect();
    created.sort_unstable();
    assert_eq!(created, operator_secrets().map(|(name, _)| name));
}

#[test]
fn with_a_postgresql_of_your_own_nothing_of_the_pod_is_left_and_the_services_may_connect() {
    let Some(checkout) = Checkout::new() else { return };
    let manifests = checkout.render_with("own-postgresql");
    let left: Vec<_> =
        manifests.all().iter().filter(|object| object.name().starts_with("postgres")).collect();
    assert!(left.is_empty(), "{} objects are left", left.len());
    let policy = &manifests.get("NetworkPolicy", "own-postgresql")["spec"];
    let backends =
        services().into_iter().filter(|service| service.uses_database()).map(|service| service.name);
    assert_eq!(manifests.selected(&policy["podSelector"]), backends.collect());
    assert_eq!(policy["egress"][0]["ports"][0]["port"], 5432);
}

#[test]
fn the_pod_monitor_finds_the_pods_of_every_service_and_names_their_jobs() {
    let Some(checkout) = Checkout::new() else { return };
    let manifests = checkout.render_with("prometheus-operator");
    let monitor = &manifests.get("PodMonitor", "eventboard")["spec"];
    let endpoint = &monitor["podMetricsEndpoints"][0];
    let selected = manifests.selected(&monitor["selector"]);
    for service in services() {
        let deployment = manifests.get("Deployment", service.name);
        assert!(selected.contains(service.name), "{}", service.name);
        assert!(deployment.port(endpoint["port"].as_str().unwrap()).is_some(), "{}", service.name);
        let label = monitor["jobLabel"].as_str().unwrap();
        assert_eq!(deployment["spec"]["template"]["metadata"]["labels"][label], service.name);
    }
    let scrape_interval = &files::document("deploy/prometheus/kubernetes.yml")["global"]["scrape_interval"];
    assert_eq!(&endpoint["interval"], scrape_interval);
}

#[test]
fn every_overlay_meets_the_restricted_standard() {
    let Some(checkout) = Checkout::new() else { return };
    let overlays = [checkout.render("development"), checkout.render("production"), checkout.render_example()];
    for workload in overlays.iter().flat_map(Manifests::workloads) {
        let violations = restricted_standard_violations(workload.pod());
        assert!(violations.is_empty(), "{}: {violations:?}", workload.name());
    }
}
