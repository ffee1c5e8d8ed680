//! One command, once or again.

use std::{collections::BTreeSet, fs};

use super::{Manifests, Object, list};
use crate::files;

#[test]
fn the_files_lie_flat_and_are_numbered() {
    for entry in fs::read_dir(files::root().join("k8s")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let (number, rest) = name.split_once('-').unwrap();
        let is_numbered = number.len() == 2 && number.chars().all(|c| c.is_ascii_digit());
        // A kustomization would be applied as an object, and fail.
        assert!(entry.path().is_file() && is_numbered && rest.ends_with(".yaml"), "{name}");
    }
}

#[test]
fn everything_stands_in_the_namespace_that_comes_first() {
    let manifests = Manifests::read();
    let (namespace, rest) = manifests.all().split_first().unwrap();
    assert_eq!((namespace.kind(), namespace.name()), ("Namespace", "eventboard"));
    for object in rest {
        assert_eq!(object["metadata"]["namespace"], "eventboard", "{}", object.name());
    }
}

#[test]
fn nothing_stands_there_twice() {
    let manifests = Manifests::read();
    let mut seen = BTreeSet::new();
    for object in manifests.all() {
        assert!(seen.insert((object.kind(), object.name())), "{} {}", object.kind(), object.name());
    }
}

#[test]
fn what_pods_need_is_there_before_them() {
    let manifests = Manifests::read();
    let first_workload = manifests.workloads().next().unwrap();
    let first_pods = position(&manifests, first_workload);
    for object in manifests.all() {
        if ["ConfigMap", "Secret", "NetworkPolicy", "PersistentVolumeClaim"].contains(&object.kind()) {
            assert!(position(&manifests, object) < first_pods, "{} {}", object.kind(), object.name());
        }
    }
    for workload in manifests.workloads() {
        for volume in list(&workload.pod()["volumes"]) {
            if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
                manifests.get("PersistentVolumeClaim", claim);
            }
        }
    }
}

fn position(manifests: &Manifests, wanted: &Object) -> usize {
    manifests.all().iter().position(|object| std::ptr::eq(object, wanted)).unwrap()
}

/// kubectl compares what is applied with what the server made of it. Each of these was found with a real server: it was called
/// `configured` at every application.
#[test]
fn applying_again_says_unchanged() {
    let manifests = Manifests::read();
    for object in manifests.all() {
        let spec = &object["spec"];
        let why = match object.kind() {
            "Secret" if !object["stringData"].is_null() => "stringData never comes back from the server",
            "Service" if spec["publishNotReadyAddresses"] == false => "the server drops a false",
            "Deployment" if spec["strategy"]["type"].is_null() => "a strategy needs its type",
            "StatefulSet" if !spec["volumeClaimTemplates"].is_null() => {
                "the server adds a status to a template"
            }
            _ => continue,
        };
        panic!("{} {}: {why}", object.kind(), object.name());
    }
}

#[test]
fn applying_again_leaves_the_autoscalers_their_replicas() {
    let manifests = Manifests::read();
    for autoscaler in manifests.of_kind("HorizontalPodAutoscaler") {
        let target = &autoscaler["spec"]["scaleTargetRef"];
        let workload = manifests.get(target["kind"].as_str().unwrap(), target["name"].as_str().unwrap());
        assert!(workload["spec"]["replicas"].is_null(), "{}", workload.name());
    }
}
