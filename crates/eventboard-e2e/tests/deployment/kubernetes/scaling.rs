//! Tests of the number of pods, which must always be enough and never too many for the database.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Manifests, Object, Service, list, probes::listen_config, services, settings::environment, strings,
};

/// Connections that PostgreSQL reserves for administrators (`superuser_reserved_connections`).
const RESERVED_CONNECTIONS: u64 = 3;

fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().unwrap()
}

fn set_of(name: &str) -> BTreeSet<&str> {
    BTreeSet::from([name])
}

#[test]
fn every_selector_matches_only_the_pods_with_its_own_name() {
    let manifests = Manifests::read();
    for object in manifests.all() {
        let spec = &object["spec"];
        let selector = match object.kind() {
            "Deployment" | "StatefulSet" | "PodDisruptionBudget" => spec["selector"].clone(),
            "Service" => serde_json::json!({"matchLabels": spec["selector"]}),
            _ => continue,
        };
        assert_eq!(
            manifests.selected(&selector),
            set_of(object.name()),
            "{} {}",
            object.kind(),
            object.name()
        );
        for constraint in list(&object.pod()["topologySpreadConstraints"]) {
            assert_eq!(manifests.selected(&constraint["labelSelector"]), set_of(object.name()));
        }
    }
}

#[test]
fn every_service_that_is_called_has_an_autoscaler_with_at_least_two_replicas_and_a_maximum() {
    let manifests = Manifests::read();
    for service in services().into_iter().filter(Service::is_called) {
        let spec = &manifests.get("HorizontalPodAutoscaler", service.name)["spec"];
        assert_eq!(spec["scaleTargetRef"]["kind"], "Deployment");
        assert_eq!(spec["scaleTargetRef"]["name"], service.name);
        assert!(
            number(&spec["minReplicas"]) >= 2 && number(&spec["maxReplicas"]) > number(&spec["minReplicas"])
        );

        let metrics = list(&spec["metrics"]);
        let target = &metrics[0]["resource"]["target"];
        let limit = &manifests.get("Deployment", service.name).container()["resources"]["limits"]["cpu"];
        let (target, limit) = (super::pods::quantity(&target["averageValue"]), super::pods::quantity(limit));
        // The other pods can take over the load of a lost one. A pod becomes slow from 85 % of its limit.
        let minimum = number(&spec["minReplicas"]) as f64;
        let taken_over = target * minimum / (minimum - 1.0);
        assert!(metrics.len() == 1 && taken_over < 0.85 * limit, "{}: {taken_over} of {limit}", service.name);
    }
}

#[test]
fn the_load_of_requests_does_not_scale_notification_service_which_has_two_replicas() {
    let manifests = Manifests::read();
    assert!(manifests.find("HorizontalPodAutoscaler", notification_service::NAME).is_none());
    assert_eq!(manifests.get("Deployment", notification_service::NAME)["spec"]["replicas"], 2);
}

#[test]
fn an_old_pod_serves_until_its_successor_is_discovered() {
    let manifests = Manifests::read();
    for service in services() {
        let spec = &manifests.get("Deployment", service.name)["spec"];
        assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{}", service.name);
        assert!(number(&spec["strategy"]["rollingUpdate"]["maxSurge"]) >= 1, "{}", service.name);
        // Many clusters cache the answers of DNS for 30 seconds, and the gateway resolves the name every 2 seconds.
        let drain = listen_config(&manifests, &service).drain_timeout;
        assert!(drain > Duration::from_secs(30 + 2), "{}: {drain:?}", service.name);
    }
}

#[test]
fn the_pods_of_one_version_are_spread_over_the_nodes() {
    let manifests = Manifests::read();
    for service in services() {
        let [constraint] =
            list(&manifests.get("Deployment", service.name).pod()["topologySpreadConstraints"])
        else {
            panic!("{}: not one constraint", service.name)
        };
        assert_eq!(constraint["topologyKey"], "kubernetes.io/hostname");
        assert_eq!(constraint["maxSkew"], 1);
        // In a rollout, the old pods must not count, because they are about to leave.
        assert_eq!(strings(&constraint["matchLabelKeys"]), ["pod-template-hash"]);
    }
}

#[test]
fn draining_a_node_keeps_a_replica_of_each_service_and_is_never_blocked() {
    let manifests = Manifests::read();
    for service in services() {
        let budget = &manifests.get("PodDisruptionBudget", service.name)["spec"];
        let minimum = manifests.get("Deployment", service.name).minimum_replicas(&manifests);
        assert!((1..minimum).contains(&number(&budget["maxUnavailable"])), "{}", service.name);
        assert_eq!(budget["unhealthyPodEvictionPolicy"], "AlwaysAllow", "{}", service.name);
    }
    // With only one replica, a disruption budget would block every eviction.
    assert!(manifests.find("PodDisruptionBudget", "postgres").is_none());
}

/// The worst case is an update in which all old and all new pods exist. Each pod has a connection pool and one more
/// connection for its health check.
#[test]
fn the_database_has_enough_connections_for_the_maximum_number_of_pods() {
    let manifests = Manifests::read();
    let required: u64 = manifests
        .of_kind("Deployment")
        .filter_map(|deployment| {
            let variables = environment(&manifests, deployment, &[]);
            variables.contains_key("DATABASE_URL").then_some(())?;
            let pool: u64 = variables["DATABASE_MAX_CONNECTIONS"].parse().unwrap();
            Some(2 * deployment.maximum_replicas(&manifests) * (pool + 1))
        })
        .sum();
    let postgres = manifests.get("StatefulSet", "postgres");
    let available = max_connections(postgres);
    // Ten more connections are for an operator's psql and pg_dump.
    assert!(required > 0 && required + RESERVED_CONNECTIONS + 10 <= available, "{required} of {available}");
}

fn max_connections(postgres: &Object) -> u64 {
    let arguments = strings(&postgres.container()["args"]);
    let settings = arguments.iter().filter_map(|argument| argument.split_once('='));
    settings.into_iter().find(|(name, _)| *name == "max_connections").unwrap().1.parse().unwrap()
}
