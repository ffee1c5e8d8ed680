//! `kubectl apply -f k8s/` works the first time and again.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Manifests, Object, list, strings};
use crate::files;

#[test]
fn the_manifests_are_numbered_files_without_subfolders() {
    for entry in fs::read_dir(files::root().join("k8s")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        // With another name of a kustomization file, kubectl would try to apply it as an object and fail.
        if name == "Kustomization" {
            continue;
        }
        let (number, rest) = name.split_once('-').unwrap();
        let is_numbered = number.len() == 2 && number.chars().all(|c| c.is_ascii_digit());
        assert!(entry.path().is_file() && is_numbered && rest.ends_with(".yaml"), "{name}");
    }
}

#[test]
fn overlays_build_on_every_manifest() {
    let kustomization = files::document("k8s/Kustomization");
    let listed = strings(&kustomization["resources"]).into_iter().map(|name| Path::new("k8s").join(name));
    assert_eq!(listed.collect::<Vec<_>>(), files::files("k8s", ".yaml"));
}

#[test]
fn the_namespace_is_applied_first_and_contains_all_other_objects() {
    let manifests = Manifests::read();
    let (namespace, rest) = manifests.all().split_first().unwrap();
    assert_eq!((namespace.kind(), namespace.name()), ("Namespace", "eventboard"));
    for object in rest {
        assert_eq!(object["metadata"]["namespace"], "eventboard", "{}", object.name());
    }
}

#[test]
fn no_object_is_defined_twice() {
    let manifests = Manifests::read();
    let mut seen = BTreeSet::new();
    for object in manifests.all() {
        assert!(seen.insert((object.kind(), object.name())), "{} {}", object.kind(), object.name());
    }
}

#[test]
fn objects_that_pods_need_are_applied_before_the_pods() {
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

fn position(manifests: &Manifests, target: &Object) -> usize {
    manifests.all().iter().position(|object| std::ptr::eq(object, target)).unwrap()
}

/// kubectl compares the manifest with the object on the server. On a real server, kubectl reported each of the cases
/// below as `configured` every time. It does so for every PodDisruptionBudget, too, which no manifest can avoid: it
/// always sends the selector, for which the API defines `patchStrategy: replace`.
#[test]
fn applying_again_reports_unchanged() {
    let manifests = Manifests::read();
    for object in manifests.all() {
        let spec = &object["spec"];
        let reason = match object.kind() {
            "Secret" if !object["stringData"].is_null() => "the server does not return stringData",
            "Service" if spec["publishNotReadyAddresses"] == false => "the server omits the value false",
            "Deployment" if spec["strategy"]["type"].is_null() => "a strategy needs its type",
            "StatefulSet" if !spec["volumeClaimTemplates"].is_null() => {
                "the server adds a status to a template"
            }
            _ => continue,
        };
        panic!("{} {}: {reason}", object.kind(), object.name());
    }
}

#[test]
fn applying_again_does_not_reset_the_replicas_of_autoscalers() {
    let manifests = Manifests::read();
    for autoscaler in manifests.of_kind("HorizontalPodAutoscaler") {
        let target = &autoscaler["spec"]["scaleTargetRef"];
        let workload = manifests.get(target["kind"].as_str().unwrap(), target["name"].as_str().unwrap());
        assert!(workload["spec"]["replicas"].is_null(), "{}", workload.name());
    }
}
