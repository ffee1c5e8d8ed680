//! Tests of the connections between Prometheus, Grafana, the services and their files.

use std::collections::BTreeSet;

use eventboard_e2e::{
    files::{document, documents, files, root, text},
    monitoring::dashboards,
};
use serde_json::Value;

const COMPOSE_FILES: [&str; 2] = ["docker-compose.microservices.yml", "docker-compose.prod.yml"];
const SERVICES: [&str; 4] = ["api-gateway", "auth-service", "events-service", "notification-service"];
const METRICS_PORT: u16 = 9464;

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|element| element.as_str().unwrap()).collect()
}

fn elements(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

/// The path in a container at which a file or folder of the project is mounted.
fn mount_path<'a>(service: &'a Value, source: &str) -> &'a str {
    let volumes = strings(&service["volumes"]);
    let target =
        volumes.iter().find_map(|volume| volume.strip_prefix(source)?.strip_prefix(':')?.strip_suffix(":ro"));
    target.unwrap_or_else(|| panic!("{source} is not mounted"))
}

#[test]
fn prometheus_scrapes_every_replica_of_every_service() {
    let config = document("deploy/prometheus/prometheus.yml");
    let jobs = elements(&config["scrape_configs"]);
    assert_eq!(jobs.iter().map(|job| &job["job_name"]).collect::<Vec<_>>(), SERVICES);
    for job in jobs {
        let [discovery] = &elements(&job["dns_sd_configs"])[..] else { panic!("{job}") };
        assert_eq!(strings(&discovery["names"]), [job["job_name"].as_str().unwrap()]);
        assert_eq!(
            (discovery["type"].as_str(), discovery["port"].as_u64()),
            (Some("A"), Some(METRICS_PORT.into()))
        );
    }
    for file in COMPOSE_FILES {
        let services = &document(file)["services"];
        for name in SERVICES {
            let environment = services[name]["environment"].as_object().unwrap();
            assert!(!environment.contains_key("METRICS_PORT"), "{file}: {name} has another metrics port");
        }
    }
    assert!(text(".env.example").contains(&format!("#METRICS_PORT={METRICS_PORT}\n")));
    assert_eq!(text("Dockerfile").matches(&format!(" {METRICS_PORT}\n")).count(), SERVICES.len());
}

#[test]
fn the_kubernetes_configuration_differs_only_in_its_service_discovery() {
    let (mut compose, mut kubernetes) =
        (document("deploy/prometheus/prometheus.yml"), document("deploy/prometheus/kubernetes.yml"));
    let jobs = kubernetes["scrape_configs"].take();
    compose["scrape_configs"].take();
    assert_eq!(compose, kubernetes);
    let [job] = &elements(&jobs)[..] else { panic!("{jobs}") };
    let [discovery] = &elements(&job["kubernetes_sd_configs"])[..] else { panic!("{job}") };
    assert_eq!(discovery["role"], "pod");
    assert_eq!(strings(&discovery["namespaces"]["names"]), ["eventboard"]);
}

#[test]
fn the_prometheus_operator_gets_the_same_rules() {
    let rule = document("deploy/kustomize/components/prometheus-operator/prometheus-rule.yaml");
    let rules = files("deploy/prometheus/rules", ".yml").into_iter().map(document);
    let groups: Vec<Value> = rules.flat_map(|file| elements(&file["groups"]).clone()).collect();
    // `write-prometheus-rule` writes the file again.
    assert_eq!(rule["spec"]["groups"], Value::from(groups));
}

#[test]
fn prometheus_may_read_only_the_pods_of_the_namespace_that_it_scrapes() {
    let [account, role, binding] = &documents("deploy/prometheus/kubernetes-rbac.yaml")[..] else {
        panic!("not three objects")
    };
    let config = document("deploy/prometheus/kubernetes.yml");
    let scraped = &config["scrape_configs"][0]["kubernetes_sd_configs"][0]["namespaces"]["names"];
    for object in [role, binding] {
        assert_eq!(strings(scraped), [object["metadata"]["namespace"].as_str().unwrap()]);
    }
    let [rule] = &elements(&role["rules"])[..] else { panic!("{role}") };
    assert_eq!((strings(&rule["apiGroups"]), strings(&rule["resources"])), (vec![""], vec!["pods"]));
    assert_eq!(strings(&rule["verbs"]), ["get", "list", "watch"]);
    assert_eq!(
        (&binding["roleRef"]["kind"], &binding["roleRef"]["name"]),
        (&role["kind"], &role["metadata"]["name"])
    );
    for name in ["name", "namespace"] {
        assert_eq!(binding["subjects"][0][name], account["metadata"][name]);
    }
}

#[test]
fn the_manifests_have_the_labels_and_ports_that_service_discovery_requires() {
    let manifests = files("k8s", ".yaml").into_iter().flat_map(documents);
    let mut found = BTreeSet::new();
    for pod in manifests
        .filter(|object| object["kind"] == "Deployment")
        .map(|object| object["spec"]["template"].clone())
    {
        let labels = &pod["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/part-of"], "eventboard");
        let ports =
            elements(&pod["spec"]["containers"]).iter().flat_map(|container| elements(&container["ports"]));
        if ports.clone().any(|port| port["name"] == "metrics" && port["containerPort"] == METRICS_PORT) {
            found.insert(labels["app.kubernetes.io/name"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(found.iter().collect::<Vec<_>>(), SERVICES);
}

#[test]
fn prometheus_and_grafana_are_hardened_and_published_only_on_loopback() {
    for file in COMPOSE_FILES {
        let compose_file = document(file);
        for name in ["prometheus", "grafana"] {
            let service = &compose_file["services"][name];
            assert_eq!(strings(&service["profiles"]), ["observability"], "{file}: {name}");
            assert_eq!(service["read_only"], true, "{file}: {name}");
            assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{file}: {name}");
            assert_eq!(strings(&service["security_opt"]), ["no-new-privileges:true"], "{file}: {name}");
            assert!(service["mem_limit"].is_string() && service["healthcheck"].is_object(), "{file}: {name}");
            assert_eq!(service["restart"], "unless-stopped", "{file}: {name}");
            assert!(
                strings(&service["ports"]).iter().all(|port| port.starts_with("127.0.0.1:")),
                "{file}: {name}"
            );
            let volume = &compose_file["volumes"][format!("{name}_data")]["name"];
            assert!(volume.as_str().unwrap().starts_with("eventboard_"), "{file}: {name}");
        }
    }
}

#[test]
fn configuration_files_are_mounted_where_the_containers_expect_them() {
    for file in COMPOSE_FILES {
        let services = &document(file)["services"];
        let (prometheus, grafana) = (&services["prometheus"], &services["grafana"]);
        let config =
            format!("--config.file={}/prometheus.yml", mount_path(prometheus, "./deploy/prometheus"));
        assert!(strings(&prometheus["command"]).contains(&config.as_str()), "{file}");
        assert_eq!(
            mount_path(grafana, "./deploy/grafana/provisioning"),
            "/etc/grafana/provisioning",
            "{file}"
        );
        let dashboards = mount_path(grafana, "./deploy/grafana/dashboards");
        let provisioned = document("deploy/grafana/provisioning/dashboards/eventboard.yml");
        assert_eq!(provisioned["providers"][0]["options"]["path"], dashboards, "{file}");
        let home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str().unwrap();
        let home = home.strip_prefix(dashboards).unwrap();
        assert!(root().join(format!("deploy/grafana/dashboards{home}")).exists(), "{file}: {home}");
    }
}

#[test]
fn every_datasource_of_the_dashboards_is_provisioned() {
    let provisioned = document("deploy/grafana/provisioning/datasources/prometheus.yml");
    let [source] = &elements(&provisioned["datasources"])[..] else { panic!("{provisioned}") };
    assert_eq!(source["url"], "http://prometheus:9090");
    let scrape_interval = &document("deploy/prometheus/prometheus.yml")["global"]["scrape_interval"];
    assert_eq!(&source["jsonData"]["timeInterval"], scrape_interval);
    for dashboard in dashboards() {
        let mut used = Vec::new();
        collect_datasources(&dashboard, &mut used);
        assert!(used.len() > 40, "only {} datasources were found", used.len());
        for datasource in used {
            assert_eq!((&datasource["uid"], &datasource["type"]), (&source["uid"], &source["type"]));
        }
    }
}

fn collect_datasources<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("datasource"));
            fields.values().for_each(|field| collect_datasources(field, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect_datasources(element, found)),
        _ => {}
    }
}

#[test]
fn panels_have_unique_ids_and_do_not_overlap() {
    for dashboard in dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in elements(&dashboard["panels"]) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().unwrap());
            assert!(x + w <= 24, "{} is beyond the right edge", panel["title"]);
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
                assert!(taken.insert(cell), "{} overlaps another panel", panel["title"]);
            }
        }
    }
}

#[test]
fn image_versions_are_pinned_and_consistent() {
    let (example, base_images) = (text(".env.example"), text("deploy/base-images/build"));
    for (variable, image) in
        [("PROMETHEUS_VERSION", "prom/prometheus"), ("GRAFANA_VERSION", "grafana/grafana")]
    {
        let line = example.lines().find_map(|line| line.strip_prefix(&format!("#{variable}="))).unwrap();
        for file in COMPOSE_FILES {
            let pinned = format!("image: {image}:${{{variable}:-{line}}}");
            assert!(text(file).contains(&pinned), "{file}: {pinned}");
        }
    }
    let version = base_images.lines().find_map(|line| line.strip_prefix("prometheus=")).unwrap();
    assert!(example.contains(&format!("Set {version} if deploy/base-images built the image")), "{version}");
}
