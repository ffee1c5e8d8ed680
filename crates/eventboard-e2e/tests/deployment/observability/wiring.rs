//! Prometheus finds the services, Grafana finds Prometheus, and both find their files.

use std::collections::BTreeSet;

use eventboard_e2e::{
    files::{document, documents, files, root, text},
    monitoring::dashboards,
};
use serde_json::Value;

const COMPOSITIONS: [&str; 2] = ["docker-compose.microservices.yml", "docker-compose.prod.yml"];
const SERVICES: [&str; 3] = ["api-gateway", "auth-service", "events-service"];
const METRICS_PORT: u16 = 9464;

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

fn objects(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

/// Where a file or folder of the project is in a container.
fn mounted<'a>(service: &'a Value, source: &str) -> &'a str {
    let volumes = words(&service["volumes"]);
    let target =
        volumes.iter().find_map(|volume| volume.strip_prefix(source)?.strip_prefix(':')?.strip_suffix(":ro"));
    target.unwrap_or_else(|| panic!("{source} is not mounted"))
}

#[test]
fn prometheus_asks_every_replica_of_every_service() {
    let config = document("deploy/prometheus/prometheus.yml");
    let jobs = objects(&config["scrape_configs"]);
    assert_eq!(jobs.iter().map(|job| &job["job_name"]).collect::<Vec<_>>(), SERVICES);
    for job in jobs {
        let [discovery] = &objects(&job["dns_sd_configs"])[..] else { panic!("{job}") };
        assert_eq!(words(&discovery["names"]), [job["job_name"].as_str().unwrap()]);
        assert_eq!(
            (discovery["type"].as_str(), discovery["port"].as_u64()),
            (Some("A"), Some(METRICS_PORT.into()))
        );
    }
    for file in COMPOSITIONS {
        let services = &document(file)["services"];
        for name in SERVICES {
            let environment = services[name]["environment"].as_object().unwrap();
            assert!(!environment.contains_key("METRICS_PORT"), "{file}: {name} has its metrics elsewhere");
        }
    }
    assert!(text(".env.example").contains(&format!("#METRICS_PORT={METRICS_PORT}\n")));
    assert_eq!(text("Dockerfile").matches(&format!(" {METRICS_PORT}\n")).count(), SERVICES.len());
}

#[test]
fn kubernetes_differs_in_the_discovery_only() {
    let (mut plain, mut kubernetes) =
        (document("deploy/prometheus/prometheus.yml"), document("deploy/prometheus/kubernetes.yml"));
    let jobs = kubernetes["scrape_configs"].take();
    plain["scrape_configs"].take();
    assert_eq!(plain, kubernetes);
    let [job] = &objects(&jobs)[..] else { panic!("{jobs}") };
    let [discovery] = &objects(&job["kubernetes_sd_configs"])[..] else { panic!("{job}") };
    assert_eq!(discovery["role"], "pod");
    assert_eq!(words(&discovery["namespaces"]["names"]), ["eventboard"]);
}

#[test]
fn the_manifests_have_what_the_discovery_in_kubernetes_looks_for() {
    let manifests = files("k8s", ".yaml").into_iter().flat_map(documents);
    let mut found = BTreeSet::new();
    for pod in manifests
        .filter(|object| object["kind"] == "Deployment")
        .map(|object| object["spec"]["template"].clone())
    {
        let labels = &pod["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/part-of"], "eventboard");
        let ports =
            objects(&pod["spec"]["containers"]).iter().flat_map(|container| objects(&container["ports"]));
        if ports.clone().any(|port| port["name"] == "metrics" && port["containerPort"] == METRICS_PORT) {
            found.insert(labels["app.kubernetes.io/name"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(found.iter().collect::<Vec<_>>(), SERVICES);
}

#[test]
fn whoever_watches_is_hardened_and_published_on_this_machine_only() {
    for file in COMPOSITIONS {
        let composition = document(file);
        for name in ["prometheus", "grafana"] {
            let service = &composition["services"][name];
            assert_eq!(words(&service["profiles"]), ["observability"], "{file}: {name}");
            assert_eq!(service["read_only"], true, "{file}: {name}");
            assert_eq!(words(&service["cap_drop"]), ["ALL"], "{file}: {name}");
            assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{file}: {name}");
            assert!(service["mem_limit"].is_string() && service["healthcheck"].is_object(), "{file}: {name}");
            assert_eq!(service["restart"], "unless-stopped", "{file}: {name}");
            assert!(
                words(&service["ports"]).iter().all(|port| port.starts_with("127.0.0.1:")),
                "{file}: {name}"
            );
            let volume = &composition["volumes"][format!("{name}_data")]["name"];
            assert!(volume.as_str().unwrap().starts_with("eventboard_"), "{file}: {name}");
        }
    }
}

#[test]
fn the_containers_have_their_files_where_they_look_for_them() {
    for file in COMPOSITIONS {
        let services = &document(file)["services"];
        let (prometheus, grafana) = (&services["prometheus"], &services["grafana"]);
        let config = format!("--config.file={}/prometheus.yml", mounted(prometheus, "./deploy/prometheus"));
        assert!(words(&prometheus["command"]).contains(&config.as_str()), "{file}");
        assert_eq!(mounted(grafana, "./deploy/grafana/provisioning"), "/etc/grafana/provisioning", "{file}");
        let dashboards = mounted(grafana, "./deploy/grafana/dashboards");
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
    let [source] = &objects(&provisioned["datasources"])[..] else { panic!("{provisioned}") };
    assert_eq!(source["url"], "http://prometheus:9090");
    let scrape_interval = &document("deploy/prometheus/prometheus.yml")["global"]["scrape_interval"];
    assert_eq!(&source["jsonData"]["timeInterval"], scrape_interval);
    for dashboard in dashboards() {
        let mut used = Vec::new();
        collect_datasources(&dashboard, &mut used);
        assert!(used.len() > 40, "only {} are found", used.len());
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
fn panels_have_a_place_of_their_own() {
    for dashboard in dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in objects(&dashboard["panels"]) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().unwrap());
            assert!(x + w <= 24, "{} is beyond the right edge", panel["title"]);
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
                assert!(taken.insert(cell), "{} lies on another one", panel["title"]);
            }
        }
    }
}

#[test]
fn versions_are_pinned_and_the_same_everywhere() {
    let (example, stand_ins) = (text(".env.example"), text("deploy/base-images/build"));
    for (variable, image) in
        [("PROMETHEUS_VERSION", "prom/prometheus"), ("GRAFANA_VERSION", "grafana/grafana")]
    {
        let line = example.lines().find_map(|line| line.strip_prefix(&format!("#{variable}="))).unwrap();
        for file in COMPOSITIONS {
            let pinned = format!("image: {image}:${{{variable}:-{line}}}");
            assert!(text(file).contains(&pinned), "{file}: {pinned}");
        }
    }
    let stand_in = stand_ins.lines().find_map(|line| line.strip_prefix("prometheus=")).unwrap();
    assert!(example.contains(&format!("; {stand_in} where it is made from Debian")), "{stand_in}");
}
