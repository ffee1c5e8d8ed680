//! How many pods there are, and that there are always enough and never too many.

use std::collections::BTreeSet;

use super::{Manifests, Object, list, services, settings::environment, words};

/// PostgreSQL keeps these for administrators (`superuser_reserved_connections`).
const RESERVED_CONNECTIONS: u64 = 3;

fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().unwrap()
}

fn only(name: &str) -> BTreeSet<&str> {
    BTreeSet::from([name])
}

#[test]
fn every_selector_chooses_the_pods_of_its_name_and_no_others() {
    let manifests = Manifests::read();
    for object in manifests.all() {
        let spec = &object["spec"];
        let selector = match object.kind() {
            "Deployment" | "StatefulSet" | "PodDisruptionBudget" => spec["selector"].clone(),
            "Service" => serde_json::json!({"matchLabels": spec["selector"]}),
            _ => continue,
        };
        assert_eq!(manifests.selected(&selector), only(object.name()), "{} {}", object.kind(), object.name());
        for constraint in list(&object.pod()["topologySpreadConstraints"]) {
            assert_eq!(manifests.selected(&constraint["labelSelector"]), only(object.name()));
        }
    }
}

#[test]
fn every_service_scales_between_two_and_a_bound() {
    let manifests = Manifests::read();
    for service in services() {
        let spec = &manifests.get("HorizontalPodAutoscaler", service.name)["spec"];
        assert_eq!(spec["scaleTargetRef"]["kind"], "Deployment");
        assert_eq!(spec["scaleTargetRef"]["name"], service.name);
        assert!(
            number(&spec["minReplicas"]) >= 2 && number(&spec["maxReplicas"]) > number(&spec["minReplicas"])
        );

        let metrics = list(&spec["metrics"]);
        let target = &metrics[0]["resource"]["target"];
        let limit = &manifests.get("Deployment", service.name).container()["resources"]["limits"]["cpu"];
        let (aim, limit) = (super::pods::quantity(&target["averageValue"]), super::pods::quantity(limit));
        assert!(metrics.len() == 1 && aim < limit, "{}: {aim} is never reached with {limit}", service.name);
    }
}

#[test]
fn an_update_takes_no_pod_away_before_its_successor_is_found() {
    let manifests = Manifests::read();
    for service in services() {
        let spec = &manifests.get("Deployment", service.name)["spec"];
        assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{}", service.name);
        assert!(number(&spec["strategy"]["rollingUpdate"]["maxSurge"]) >= 1, "{}", service.name);
        // The cluster's DNS answers are kept for 5 seconds, and the gateway asks every 2.
        assert!(number(&spec["minReadySeconds"]) > 5 + 2, "{}", service.name);
    }
}

#[test]
fn emptying_a_node_leaves_somebody_and_is_never_held_up_for_ever() {
    let manifests = Manifests::read();
    for service in services() {
        let budget = &manifests.get("PodDisruptionBudget", service.name)["spec"];
        let least = number(&manifests.get("HorizontalPodAutoscaler", service.name)["spec"]["minReplicas"]);
        assert!((1..least).contains(&number(&budget["maxUnavailable"])), "{}", service.name);
        assert_eq!(budget["unhealthyPodEvictionPolicy"], "AlwaysAllow", "{}", service.name);
    }
    // With one replica, a budget would forbid every eviction.
    assert!(manifests.find("PodDisruptionBudget", "postgres").is_none());
}

/// Old and new pods, all of them at once in the worst moment of an update, each with its pool and the connection that watches.
#[test]
fn the_database_has_connections_for_all_pods_that_there_may_be() {
    let manifests = Manifests::read();
    let needed: u64 = manifests
        .of_kind("Deployment")
        .filter_map(|deployment| {
            let told = environment(&manifests, deployment, &[]);
            told.contains_key("DATABASE_URL").then_some(())?;
            let pool: u64 = told["DATABASE_MAX_CONNECTIONS"].parse().unwrap();
            let most = &manifests.get("HorizontalPodAutoscaler", deployment.name())["spec"]["maxReplicas"];
            Some(2 * number(most) * (pool + 1))
        })
        .sum();
    let postgres = manifests.get("StatefulSet", "postgres");
    let there = max_connections(postgres);
    // And some for an operator's psql and pg_dump.
    assert!(needed > 0 && needed + RESERVED_CONNECTIONS + 10 <= there, "{needed} of {there}");
}

fn max_connections(postgres: &Object) -> u64 {
    let arguments = words(&postgres.container()["args"]);
    let settings = arguments.iter().filter_map(|argument| argument.split_once('='));
    settings.into_iter().find(|(name, _)| *name == "max_connections").unwrap().1.parse().unwrap()
}
