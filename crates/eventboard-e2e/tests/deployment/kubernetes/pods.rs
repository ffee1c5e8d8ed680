//! Tests of the pods: images, users, ports, permissions and resources.

use eventboard_chassis::{config::Env, metrics_endpoint::MetricsConfig};
use serde_json::{Value, json};

use super::{Manifests, entries, list, services, settings::environment, strings};
use crate::files;

#[test]
fn our_images_have_this_release_and_third_party_images_are_pinned() {
    let manifests = Manifests::read();
    let dockerfile = files::text("Dockerfile");
    for workload in manifests.workloads() {
        let (name, container) = (workload.name(), workload.container());
        let (image, tag) = container["image"].as_str().unwrap().rsplit_once(':').unwrap();
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{name}: {tag} is not a version");
        assert_eq!(container["imagePullPolicy"], "IfNotPresent", "{name}");
        if workload.kind() == "Deployment" {
            assert_eq!((image, tag), (format!("eventboard/{name}").as_str(), env!("CARGO_PKG_VERSION")));
            let stage = format!("FROM runtime AS {name}\n");
            assert!(dockerfile.contains(&stage), "the Dockerfile does not build {image}");
            for labels in [&workload["metadata"], &workload["spec"]["template"]["metadata"]] {
                assert_eq!(labels["labels"]["app.kubernetes.io/version"], tag, "{name}");
            }
        }
    }
}

#[test]
fn the_database_version_matches_the_compose_files() {
    let manifests = Manifests::read();
    let image = manifests.get("StatefulSet", "postgres").container()["image"].as_str().unwrap();
    let (name, version) = image.split_once(':').unwrap();
    let (major, base) = version.split_once('-').unwrap();
    let expected = format!("image: {name}:${{POSTGRES_VERSION:-{major}}}-{base}\n");
    assert!(files::text("docker-compose.prod.yml").contains(&expected), "{expected}");
}

#[test]
fn our_pods_run_as_the_user_of_their_image() {
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
fn the_ports_of_each_service_match_its_image_and_its_manifests() {
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

        let object = manifests.find("Service", service.name);
        assert_eq!(object.is_some(), service.is_called(), "{}", service.name);
        if let Some(object) = object {
            let ports = list(&object["spec"]["ports"]);
            assert_eq!(ports, [json!({"name": name, "port": port, "targetPort": name})], "{}", service.name);
        }
        let variables = environment(&manifests, deployment, &[]);
        let ports = [
            "PORT",
            "GATEWAY_PORT",
            "AUTH_SERVICE_PORT",
            "EVENTS_SERVICE_PORT",
            "NOTIFICATION_SERVICE_PORT",
            "METRICS_PORT",
            "HOST",
        ];
        assert!(
            ports.iter().all(|name| !variables.contains_key(*name)),
            "{}: a variable overrides the port",
            service.name
        );
    }
}

#[test]
fn every_pod_meets_the_restricted_standard_that_the_namespace_enforces() {
    let manifests = Manifests::read();
    let labels = &manifests.get("Namespace", "eventboard")["metadata"]["labels"];
    for mode in ["enforce", "warn", "audit"] {
        assert_eq!(labels[format!("pod-security.kubernetes.io/{mode}")], "restricted");
    }
    for workload in manifests.workloads() {
        let violations = restricted_standard_violations(workload.pod());
        assert!(violations.is_empty(), "{}: {violations:?}", workload.name());
    }
}

/// Checks the "restricted" Pod Security Standard, which includes "baseline", for the fields that apply to Linux pods.
pub(crate) fn restricted_standard_violations(pod: &Value) -> Vec<&'static str> {
    let mut violations = Vec::new();
    let mut require = |is_met: bool, what| {
        if !is_met {
            violations.push(what);
        }
    };
    let pod_context = &pod["securityContext"];
    require(["hostNetwork", "hostPID", "hostIPC"].iter().all(|key| pod[*key] != true), "host namespaces");
    require(pod_context["sysctls"].is_null(), "sysctls");
    require(
        ["seLinuxOptions", "appArmorProfile"].iter().all(|key| pod_context[*key].is_null()),
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
        require(
            entries(volume).all(|(key, _)| key == "name" || allowed.contains(&key.as_str())),
            "volume types",
        );
    }
    for container in list(&pod["containers"]).iter().chain(list(&pod["initContainers"])) {
        let context = &container["securityContext"];
        let effective = |key: &str| if context[key].is_null() { &pod_context[key] } else { &context[key] };
        require(context["privileged"] != true, "privileged");
        require(context["procMount"].is_null(), "procMount");
        require(
            ["seLinuxOptions", "appArmorProfile"].iter().all(|key| context[*key].is_null()),
            "SELinux, AppArmor",
        );
        require(list(&container["ports"]).iter().all(|port| port["hostPort"].is_null()), "host ports");
        require(context["allowPrivilegeEscalation"] == false, "privilege escalation");
        require(
            strings(&context["capabilities"]["drop"]).contains(&"ALL"),
            "capabilities that are not dropped",
        );
        require(
            strings(&context["capabilities"]["add"]).iter().all(|added| *added == "NET_BIND_SERVICE"),
            "capabilities that are added",
        );
        require(effective("runAsNonRoot") == true, "running as root");
        require(effective("runAsUser") != 0, "the user root");
        let seccomp = effective("seccompProfile")["type"].as_str();
        require(matches!(seccomp, Some("RuntimeDefault" | "Localhost")), "seccomp");
    }
    violations
}

#[test]
fn every_violation_of_the_restricted_standard_is_found() {
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
        restricted_standard_violations(&pod),
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
            "capabilities that are not dropped",
            "capabilities that are added",
            "running as root",
            "the user root",
            "seccomp",
        ]
    );
}

#[test]
fn only_mounted_volumes_are_writable() {
    let manifests = Manifests::read();
    for workload in manifests.workloads() {
        for container in workload.containers() {
            let is_read_only = &container["securityContext"]["readOnlyRootFilesystem"];
            assert_eq!(*is_read_only, true, "{}", workload.name());
        }
        let volumes: Vec<_> = list(&workload.pod()["volumes"]).iter().map(|volume| &volume["name"]).collect();
        let mounts = list(&workload.container()["volumeMounts"]).iter().map(|mount| &mount["name"]);
        assert_eq!(volumes, mounts.collect::<Vec<_>>(), "{}", workload.name());
    }
    for service in services() {
        let deployment = manifests.get("Deployment", service.name);
        assert_eq!(
            environment(&manifests, deployment, &[])["LOG_DIR"],
            "",
            "{} writes log files",
            service.name
        );
        assert!(deployment.pod()["volumes"].is_null(), "{}", service.name);
    }
}

#[test]
fn the_database_stores_its_data_on_a_persistent_volume() {
    let manifests = Manifests::read();
    let postgres = manifests.get("StatefulSet", "postgres");
    let folder = environment(&manifests, postgres, &[]).remove("PGDATA").unwrap();
    let volumes = list(&postgres.pod()["volumes"]);
    let persistent = volumes.iter().find(|volume| volume["persistentVolumeClaim"].is_object()).unwrap();
    let mounts = list(&postgres.container()["volumeMounts"]);
    let mount = mounts.iter().find(|mount| mount["name"] == persistent["name"]).unwrap();
    // It must be a subfolder, because a new volume may contain a lost+found folder.
    assert!(folder.strip_prefix(mount["mountPath"].as_str().unwrap()).unwrap().starts_with('/'), "{folder}");
    assert_eq!(postgres["spec"]["replicas"], 1, "two servers must not share a folder");
}

#[test]
fn pods_get_no_service_account_token_and_no_service_links() {
    let manifests = Manifests::read();
    for workload in manifests.workloads() {
        let pod = workload.pod();
        assert_eq!(pod["automountServiceAccountToken"], false, "{}", workload.name());
        // With service links, the cluster would set AUTH_SERVICE_PORT to a URL.
        assert_eq!(pod["enableServiceLinks"], false, "{}", workload.name());
    }
}

#[test]
fn memory_is_limited_and_requests_do_not_exceed_limits() {
    let manifests = Manifests::read();
    for (workload, container) in manifests
        .workloads()
        .flat_map(|workload| workload.containers().map(move |container| (workload, container)))
    {
        let resources = &container["resources"];
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

/// The resolver of glibc would wait five seconds for a lost packet, longer than a connection may take.
#[test]
fn a_lost_dns_packet_costs_a_second() {
    let manifests = Manifests::read();
    for service in services() {
        let options = list(&manifests.get("Deployment", service.name).pod()["dnsConfig"]["options"]);
        assert_eq!(options, [json!({"name": "single-request-reopen"})], "{}", service.name);
    }
    assert!(files::text("Dockerfile").contains(r#"RES_OPTIONS="timeout:1 attempts:3""#));
}

/// Parses a quantity such as `100m`, `512Mi` or `1`.
pub(crate) fn quantity(value: &Value) -> f64 {
    let text = value.as_str().unwrap();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let unit = match unit {
        "m" => 0.001,
        "" => 1.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        _ => panic!("unknown unit: {text}"),
    };
    number.parse::<f64>().unwrap() * unit
}

#[test]
fn all_objects_have_the_standard_labels() {
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
