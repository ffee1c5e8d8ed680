//! What is started, as whom, and what it may do.

use eventboard_chassis::{config::Env, metrics_endpoint::MetricsConfig};
use serde_json::{Value, json};

use super::{Manifests, entries, list, services, settings::environment, words};
use crate::files;

#[test]
fn our_images_are_of_this_release_and_the_others_have_a_version() {
    let manifests = Manifests::read();
    let dockerfile = files::text("Dockerfile");
    for workload in manifests.workloads() {
        let (name, container) = (workload.name(), workload.container());
        let (image, tag) = container["image"].as_str().unwrap().rsplit_once(':').unwrap();
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{name}: {tag} is no version");
        assert_eq!(container["imagePullPolicy"], "IfNotPresent", "{name}");
        if workload.kind() == "Deployment" {
            assert_eq!((image, tag), (format!("eventboard/{name}").as_str(), env!("CARGO_PKG_VERSION")));
            assert!(dockerfile.contains(&format!("FROM runtime AS {name}\n")), "nobody builds {image}");
            for labels in [&workload["metadata"], &workload["spec"]["template"]["metadata"]] {
                assert_eq!(labels["labels"]["app.kubernetes.io/version"], tag, "{name}");
            }
        }
    }
}

#[test]
fn the_database_has_the_version_of_the_compose_files() {
    let manifests = Manifests::read();
    let image = manifests.get("StatefulSet", "postgres").container()["image"].as_str().unwrap();
    let (name, version) = image.split_once(':').unwrap();
    let (major, base) = version.split_once('-').unwrap();
    let expected = format!("image: {name}:${{POSTGRES_VERSION:-{major}}}-{base}\n");
    assert!(files::text("docker-compose.prod.yml").contains(&expected), "{expected}");
}

#[test]
fn our_pods_run_as_the_user_of_the_images() {
    let manifests = Manifests::read();
    let dockerfile = files::text("Dockerfile");
    let (_, runtime) = dockerfile.split_once(" AS runtime\n").unwrap();
    let (user, group) =
        runtime.split_once("\nUSER ").unwrap().1.lines().next().unwrap().split_once(':').unwrap();
    for service in services() {
        let context = &manifests.get("Deployment", service.name).pod()["securityContext"];
        assert_eq!(context["runAsUser"].to_string(), user);
        assert_eq!(context["runAsGroup"].to_string(), group);
    }
}

#[test]
fn each_service_listens_where_it_is_expected() {
    let manifests = Manifests::read();
    let dockerfile = files::text("Dockerfile");
    let metrics = u64::from(MetricsConfig::from_env(&mut Env::from_iter([])).port);
    for service in services() {
        let deployment = manifests.get("Deployment", service.name);
        let (name, port) = (if service.grpc.is_some() { "grpc" } else { "http" }, u64::from(service.port));
        assert_eq!(deployment.port(name), Some(port), "{}", service.name);
        assert_eq!(deployment.port("metrics"), Some(metrics), "{}", service.name);
        let image = dockerfile.split_once(&format!("FROM runtime AS {}\n", service.name)).unwrap().1;
        assert!(image.contains(&format!("ENV PORT={port}\nEXPOSE {port} {metrics}\n")), "{}", service.name);

        let ports = list(&manifests.get("Service", service.name)["spec"]["ports"]);
        assert_eq!(ports, [json!({"name": name, "port": port, "targetPort": name})], "{}", service.name);
        let told = environment(&manifests, deployment, &[]);
        let ports =
            ["PORT", "GATEWAY_PORT", "AUTH_SERVICE_PORT", "EVENTS_SERVICE_PORT", "METRICS_PORT", "HOST"];
        assert!(
            ports.iter().all(|name| !told.contains_key(*name)),
            "{}: it is told another port",
            service.name
        );
    }
}

#[test]
fn every_pod_keeps_to_the_restricted_standard_that_its_namespace_enforces() {
    let manifests = Manifests::read();
    let labels = &manifests.get("Namespace", "eventboard")["metadata"]["labels"];
    for mode in ["enforce", "warn", "audit"] {
        assert_eq!(labels[format!("pod-security.kubernetes.io/{mode}")], "restricted");
    }
    for workload in manifests.workloads() {
        let faults = faults_by_the_restricted_standard(workload.pod());
        assert!(faults.is_empty(), "{}: {faults:?}", workload.name());
    }
}

/// Pod Security Standards, "restricted" (which includes "baseline"), as far as a pod for Linux has the fields.
fn faults_by_the_restricted_standard(pod: &Value) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let mut demand = |holds: bool, what| {
        if !holds {
            faults.push(what);
        }
    };
    let of_pod = &pod["securityContext"];
    demand(["hostNetwork", "hostPID", "hostIPC"].iter().all(|key| pod[*key] != true), "host namespaces");
    demand(of_pod["sysctls"].is_null(), "sysctls");
    demand(
        ["seLinuxOptions", "appArmorProfile"].iter().all(|key| of_pod[*key].is_null()),
        "SELinux, AppArmor",
    );
    let allowed = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    for volume in list(&pod["volumes"]) {
        demand(
            entries(volume).all(|(key, _)| key == "name" || allowed.contains(&key.as_str())),
            "volume types",
        );
    }
    for container in list(&pod["containers"]).iter().chain(list(&pod["initContainers"])) {
        let own = &container["securityContext"];
        let either = |key: &str| if own[key].is_null() { &of_pod[key] } else { &own[key] };
        demand(own["privileged"] != true, "privileged");
        demand(own["procMount"].is_null(), "procMount");
        demand(
            ["seLinuxOptions", "appArmorProfile"].iter().all(|key| own[*key].is_null()),
            "SELinux, AppArmor",
        );
        demand(list(&container["ports"]).iter().all(|port| port["hostPort"].is_null()), "host ports");
        demand(own["allowPrivilegeEscalation"] == false, "privilege escalation");
        demand(words(&own["capabilities"]["drop"]).contains(&"ALL"), "capabilities that are kept");
        demand(
            words(&own["capabilities"]["add"]).iter().all(|added| *added == "NET_BIND_SERVICE"),
            "capabilities that are added",
        );
        demand(either("runAsNonRoot") == true, "running as root");
        demand(either("runAsUser") != 0, "the user root");
        let seccomp = either("seccompProfile")["type"].as_str();
        demand(matches!(seccomp, Some("RuntimeDefault" | "Localhost")), "seccomp");
    }
    faults
}

#[test]
fn what_the_restricted_standard_forbids_is_found() {
    let pod = json!({
        "hostNetwork": true,
        "securityContext": {"sysctls": [], "appArmorProfile": {"type": "Unconfined"}, "runAsUser": 0},
        "volumes": [{"name": "x", "hostPath": {"path": "/"}}],
        "containers": [{
            "ports": [{"hostPort": 80}],
            "securityContext": {
                "privileged": true,
                "procMount": "Unmasked",
                "seLinuxOptions": {"type": "x"},
                "capabilities": {"drop": ["CHOWN"], "add": ["SYS_ADMIN"]}
            }
        }]
    });
    assert_eq!(
        faults_by_the_restricted_standard(&pod),
        [
            "host namespaces",
            "sysctls",
            "SELinux, AppArmor",
            "volume types",
            "privileged",
            "procMount",
            "SELinux, AppArmor",
            "host ports",
            "privilege escalation",
            "capabilities that are kept",
            "capabilities that are added",
            "running as root",
            "the user root",
            "seccomp",
        ]
    );
}

#[test]
fn nothing_can_be_written_but_what_is_mounted() {
    let manifests = Manifests::read();
    for workload in manifests.workloads() {
        assert_eq!(
            workload.container()["securityContext"]["readOnlyRootFilesystem"],
            true,
            "{}",
            workload.name()
        );
        let volumes: Vec<_> = list(&workload.pod()["volumes"]).iter().map(|volume| &volume["name"]).collect();
        let mounts = list(&workload.container()["volumeMounts"]).iter().map(|mount| &mount["name"]);
        assert_eq!(volumes, mounts.collect::<Vec<_>>(), "{}", workload.name());
    }
    for service in services() {
        let deployment = manifests.get("Deployment", service.name);
        assert_eq!(environment(&manifests, deployment, &[])["LOG_DIR"], "", "{} writes a log", service.name);
        assert!(deployment.pod()["volumes"].is_null(), "{}", service.name);
    }
}

#[test]
fn the_data_are_on_the_volume_that_stays() {
    let manifests = Manifests::read();
    let postgres = manifests.get("StatefulSet", "postgres");
    let folder = environment(&manifests, postgres, &[]).remove("PGDATA").unwrap();
    let volumes = list(&postgres.pod()["volumes"]);
    let kept = volumes.iter().find(|volume| volume["persistentVolumeClaim"].is_object()).unwrap();
    let mounts = list(&postgres.container()["volumeMounts"]);
    let mount = mounts.iter().find(|mount| mount["name"] == kept["name"]).unwrap();
    // Below it: a new volume may have a lost+found.
    assert!(folder.strip_prefix(mount["mountPath"].as_str().unwrap()).unwrap().starts_with('/'), "{folder}");
    assert_eq!(postgres["spec"]["replicas"], 1, "two servers must not share a folder");
}

#[test]
fn pods_know_nothing_of_the_cluster() {
    let manifests = Manifests::read();
    for workload in manifests.workloads() {
        let pod = workload.pod();
        assert_eq!(pod["automountServiceAccountToken"], false, "{}", workload.name());
        // With them, the cluster sets AUTH_SERVICE_PORT to an URL.
        assert_eq!(pod["enableServiceLinks"], false, "{}", workload.name());
    }
}

#[test]
fn memory_is_limited_and_nothing_asks_for_more_than_its_limit() {
    let manifests = Manifests::read();
    for workload in manifests.workloads() {
        let resources = &workload.container()["resources"];
        let (requests, limits) = (&resources["requests"], &resources["limits"]);
        assert!(!limits["memory"].is_null(), "{}", workload.name());
        for resource in ["cpu", "memory"] {
            let requested = quantity(&requests[resource]);
            assert!(requested > 0.0, "{}", workload.name());
            if !limits[resource].is_null() {
                assert!(requested <= quantity(&limits[resource]), "{}: {resource}", workload.name());
            }
        }
    }
}

/// `100m`, `512Mi`, `1`.
pub(crate) fn quantity(value: &Value) -> f64 {
    let text = value.as_str().unwrap();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let unit = match unit {
        "m" => 0.001,
        "" => 1.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        _ => panic!("nobody knows {text}"),
    };
    number.parse::<f64>().unwrap() * unit
}

#[test]
fn everything_says_what_it_is() {
    let manifests = Manifests::read();
    for object in manifests.all() {
        assert_eq!(
            object["metadata"]["labels"]["app.kubernetes.io/part-of"],
            "eventboard",
            "{}",
            object.name()
        );
    }
    for workload in manifests.workloads() {
        for labels in [&workload["metadata"]["labels"], &workload["spec"]["template"]["metadata"]["labels"]] {
            assert_eq!(labels["app.kubernetes.io/name"], workload.name());
            assert_eq!(labels["app.kubernetes.io/part-of"], "eventboard");
        }
    }
}
