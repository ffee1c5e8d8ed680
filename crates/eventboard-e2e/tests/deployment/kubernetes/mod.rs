//! Tests of the Kubernetes manifests in `k8s/`.

mod applying;
mod network;
mod overlays;
mod pods;
mod probes;
mod scaling;
mod settings;

use std::{collections::BTreeSet, ops::Deref};

use api_gateway as gateway;
use eventboard_chassis::config::Env;
use eventboard_proto::{auth, events};
use serde_json::Value;

use crate::files;

/// One of our services, with the values from its code.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// The default port.
    pub(crate) port: u16,
    /// The gRPC service name whose health status includes the database. Services without gRPC have none.
    pub(crate) grpc: Option<&'static str>,
    /// What it does with others.
    pub(crate) role: Role,
}

/// What a service does with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Clients call it, and it calls the backends.
    Gateway,
    /// The gateway calls it, and it uses the database.
    Backend,
    /// Nobody calls it, and it uses the database.
    Worker,
}

impl Service {
    /// Whether the service uses the database.
    pub(crate) fn uses_database(&self) -> bool {
        match self.role {
            Role::Gateway => false,
            Role::Backend | Role::Worker => true,
        }
    }

    /// Whether anybody but Prometheus and the cluster calls the service. Then it has a Kubernetes Service, and an
    /// autoscaler that follows the load of requests.
    pub(crate) fn is_called(&self) -> bool {
        match self.role {
            Role::Gateway | Role::Backend => true,
            Role::Worker => false,
        }
    }
}

/// All our services.
pub(crate) fn services() -> [Service; 4] {
    let env = &mut Env::from_iter([]);
    [
        Service {
            name: auth_service::NAME,
            port: auth_service::Config::from_env(env).listen.port,
            grpc: Some(auth::auth_service_server::SERVICE_NAME),
            role: Role::Backend,
        },
        Service {
            name: events_service::NAME,
            port: events_service::Config::from_env(env).listen.port,
            grpc: Some(events::events_service_server::SERVICE_NAME),
            role: Role::Backend,
        },
        Service {
            name: notification_service::NAME,
            port: notification_service::Config::from_env(env).listen.port,
            grpc: None,
            role: Role::Worker,
        },
        Service {
            name: gateway::NAME,
            port: gateway::Config::from_env(env).listen.port,
            grpc: None,
            role: Role::Gateway,
        },
    ]
}

/// A Kubernetes object: one YAML document of a manifest.
pub(crate) struct Object(Value);

impl Deref for Object {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Object {
    pub(crate) fn kind(&self) -> &str {
        self["kind"].as_str().unwrap()
    }

    pub(crate) fn name(&self) -> &str {
        self["metadata"]["name"].as_str().unwrap()
    }

    /// The pod spec of a workload.
    pub(crate) fn pod(&self) -> &Value {
        &self["spec"]["template"]["spec"]
    }

    /// The only container of a workload's pod.
    pub(crate) fn container(&self) -> &Value {
        let containers = list(&self.pod()["containers"]);
        assert_eq!(containers.len(), 1, "{}", self.name());
        &containers[0]
    }

    /// The init container that migrates, of a workload that has one.
    pub(crate) fn migration(&self) -> &Value {
        let containers = list(&self.pod()["initContainers"]);
        assert_eq!(containers.len(), 1, "{}", self.name());
        &containers[0]
    }

    /// All containers of a workload's pod.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Value> {
        list(&self.pod()["initContainers"]).iter().chain([self.container()])
    }

    /// The smallest number of pods of a Deployment: that of its autoscaler, or its own.
    pub(crate) fn minimum_replicas(&self, manifests: &Manifests) -> u64 {
        let autoscaler = manifests.find("HorizontalPodAutoscaler", self.name());
        let replicas =
            autoscaler.map_or(&self["spec"]["replicas"], |autoscaler| &autoscaler["spec"]["minReplicas"]);
        replicas.as_u64().unwrap()
    }

    /// The largest number of pods of a Deployment, without those of a rolling update.
    pub(crate) fn maximum_replicas(&self, manifests: &Manifests) -> u64 {
        let autoscaler = manifests.find("HorizontalPodAutoscaler", self.name());
        let replicas =
            autoscaler.map_or(&self["spec"]["replicas"], |autoscaler| &autoscaler["spec"]["maxReplicas"]);
        replicas.as_u64().unwrap()
    }

    /// The container port with this name.
    pub(crate) fn port(&self, name: &str) -> Option<u64> {
        list(&self.container()["ports"]).iter().find(|port| port["name"] == name)?["containerPort"].as_u64()
    }
}

/// All objects, in the order in which they are applied.
pub(crate) struct Manifests(Vec<Object>);

impl Manifests {
    pub(crate) fn read() -> Self {
        let objects = files::files("k8s", ".yaml").into_iter().flat_map(files::documents);
        Self(objects.map(Object).collect())
    }

    /// The objects in the output of `kubectl kustomize`.
    pub(crate) fn parse(yaml: &str) -> Self {
        let objects: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
        Self(objects.into_iter().map(Object).collect())
    }

    pub(crate) fn all(&self) -> &[Object] {
        &self.0
    }

    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.0.iter().filter(move |object| object.kind() == kind)
    }

    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Object> {
        self.of_kind(kind).find(|object| object.name() == name)
    }

    pub(crate) fn get(&self, kind: &str, name: &str) -> &Object {
        self.find(kind, name).unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// The objects that create pods.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = &Object> {
        self.0.iter().filter(|object| object["spec"]["template"].is_object())
    }

    /// The workloads whose pods match a selector. An empty selector matches all.
    pub(crate) fn selected(&self, selector: &Value) -> BTreeSet<&str> {
        let selected = self
            .workloads()
            .filter(|workload| matches(selector, &workload["spec"]["template"]["metadata"]["labels"]));
        selected.map(Object::name).collect()
    }
}

fn matches(selector: &Value, labels: &Value) -> bool {
    let supported = ["matchLabels", "matchExpressions"];
    assert!(keys(selector).iter().all(|key| supported.contains(key)), "{selector}");
    let equal = entries(&selector["matchLabels"]).all(|(key, value)| &labels[key] == value);
    equal
        && list(&selector["matchExpressions"]).iter().all(|expression| {
            assert_eq!(expression["operator"], "In", "{expression}");
            list(&expression["values"]).contains(&labels[expression["key"].as_str().unwrap()])
        })
}

/// The elements of a list, or none if there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The entries of a mapping, or none if there is no mapping.
pub(crate) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

pub(crate) fn keys(value: &Value) -> Vec<&str> {
    entries(value).map(|(key, _)| key.as_str()).collect()
}

/// The elements of a list of strings.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    list(value).iter().map(|element| element.as_str().unwrap()).collect()
}
