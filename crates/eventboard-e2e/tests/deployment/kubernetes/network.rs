//! Tests of the network policies, which define the allowed connections.

use std::collections::BTreeSet;

use eventboard_chassis::{config::Env, metrics_endpoint::MetricsConfig};
use serde_json::Value;

use super::{Manifests, Role, entries, list, services, strings};

const POSTGRES: &str = "postgres";
const POSTGRES_PORT: u64 = 5432;
const DNS_PORT: u64 = 53;
/// The gRPC port of trace collectors.
const OTLP_PORT: u64 = 4317;
/// The ports of mail servers: without TLS at first, with TLS, and for clients that log in.
const MAIL_PORTS: [u64; 3] = [25, 465, 587];
/// The peer that stands for every address.
const ANYWHERE: &str = "anywhere";

/// The source, the destination and the port.
type Connection = (String, String, u64);

struct AllowedConnections {
    /// The connections between our own pods that the egress rules allow.
    egress: BTreeSet<Connection>,
    /// The connections between our own pods that the ingress rules allow.
    ingress: BTreeSet<Connection>,
    from_other_namespaces: BTreeSet<Connection>,
    to_other_namespaces: BTreeSet<Connection>,
}

/// All addresses of both versions of IP.
const EVERY_ADDRESS: [&str; 2] = ["0.0.0.0/0", "::/0"];

fn allowed_connections(manifests: &Manifests) -> AllowedConnections {
    let (mut egress, mut ingress, mut from_other_namespaces, mut to_other_namespaces) = Default::default();
    for policy in manifests.of_kind("NetworkPolicy") {
        for pod in manifests.selected(&policy["spec"]["podSelector"]) {
            for (rules, peers, internal, external, pod_is_destination) in [
                ("egress", "to", &mut egress, &mut to_other_namespaces, false),
                ("ingress", "from", &mut ingress, &mut from_other_namespaces, true),
            ] {
                for rule in list(&policy["spec"][rules]) {
                    let peers = list(&rule[peers]).iter().flat_map(|peer| peer_names(manifests, peer));
                    for (peer, is_ours) in peers {
                        for port in list(&rule["ports"]) {
                            let port = port["port"].as_u64().unwrap();
                            let (from, to) = if pod_is_destination { (&*peer, pod) } else { (pod, &*peer) };
                            let allowed: &mut BTreeSet<Connection> =
                                if is_ours { internal } else { external };
                            allowed.insert((from.to_owned(), to.to_owned(), port));
                        }
                    }
                }
            }
        }
    }
    AllowedConnections { egress, ingress, from_other_namespaces, to_other_namespaces }
}

/// The names that a peer matches, each with a flag that says whether it is one of our workloads. The name of a
/// namespace that is selected by a label of the operator is this label.
fn peer_names(manifests: &Manifests, peer: &Value) -> Vec<(String, bool)> {
    let (pods, namespace) = (&peer["podSelector"], &peer["namespaceSelector"]);
    if let Some(block) = peer["ipBlock"]["cidr"].as_str() {
        assert!(EVERY_ADDRESS.contains(&block) && peer["ipBlock"]["except"].is_null(), "{peer}");
        return vec![(ANYWHERE.to_owned(), false)];
    }
    if namespace.is_null() {
        return manifests.selected(pods).into_iter().map(|name| (name.to_owned(), true)).collect();
    }
    let key = "kubernetes.io/metadata.name";
    let mut names: Vec<_> = entries(&namespace["matchLabels"])
        .map(|(label, value)| if label == key { value.as_str().unwrap() } else { label.as_str() })
        .collect();
    for expression in list(&namespace["matchExpressions"]) {
        assert_eq!((&expression["key"], &expression["operator"]), (&key.into(), &"In".into()));
        names.extend(strings(&expression["values"]));
    }
    assert!(!names.is_empty(), "the peer includes all namespaces: {peer}");
    let pods = pods["matchLabels"]["k8s-app"].as_str().map(|app| format!("/{app}")).unwrap_or_default();
    names.into_iter().map(|name| (format!("{name}{pods}"), false)).collect()
}

fn connection(from: &str, to: &str, port: impl Into<u64>) -> Connection {
    (from.to_owned(), to.to_owned(), port.into())
}

#[test]
fn all_connections_are_denied_by_default() {
    let manifests = Manifests::read();
    let all = manifests.workloads().count();
    let deny_all = manifests.of_kind("NetworkPolicy").find(|policy| {
        let spec = &policy["spec"];
        strings(&spec["policyTypes"]) == ["Ingress", "Egress"]
            && manifests.selected(&spec["podSelector"]).len() == all
            && spec["ingress"].is_null()
            && spec["egress"].is_null()
    });
    assert!(deny_all.is_some());
}

#[test]
fn every_rule_restricts_peers_and_ports() {
    let manifests = Manifests::read();
    for policy in manifests.of_kind("NetworkPolicy") {
        for (direction, rules, peers) in [("Ingress", "ingress", "from"), ("Egress", "egress", "to")] {
            for rule in list(&policy["spec"][rules]) {
                assert!(strings(&policy["spec"]["policyTypes"]).contains(&direction), "{}", policy.name());
                // An empty list of peers or ports would allow all of them.
                assert!(
                    !list(&rule[peers]).is_empty() && !list(&rule["ports"]).is_empty(),
                    "{}",
                    policy.name()
                );
            }
        }
    }
}

#[test]
fn only_the_required_connections_between_our_pods_are_allowed_on_both_sides() {
    let allowed = allowed_connections(&Manifests::read());
    let mut required = BTreeSet::new();
    for service in services().iter().filter(|service| service.uses_database()) {
        required.insert(connection(service.name, POSTGRES, POSTGRES_PORT));
        if service.is_called() {
            required.insert(connection(api_gateway::NAME, service.name, service.port));
        }
    }
    assert_eq!(allowed.egress, required);
    assert_eq!(allowed.ingress, required);
}

#[test]
fn only_ingress_controllers_and_prometheus_may_connect_from_other_namespaces() {
    let allowed = allowed_connections(&Manifests::read());
    let metrics = MetricsConfig::from_env(&mut Env::from_iter([])).port;
    let gateway = services().into_iter().find(|service| service.role == Role::Gateway).unwrap();
    let mut expected: BTreeSet<_> =
        services().iter().map(|service| connection("monitoring", service.name, metrics)).collect();
    expected.extend(
        ["envoy-gateway-system", "eventboard/ingress-controller", "ingress-nginx", "kube-system", "traefik"]
            .map(|name| connection(name, gateway.name, gateway.port)),
    );
    assert_eq!(allowed.from_other_namespaces, expected);
}

#[test]
fn only_dns_trace_collectors_and_mail_servers_may_be_reached_outside_of_the_namespace() {
    let allowed = allowed_connections(&Manifests::read());
    let for_all = services().into_iter().flat_map(|service| {
        let dns = connection(service.name, "kube-system/kube-dns", DNS_PORT);
        [dns, connection(service.name, "monitoring", OTLP_PORT)]
    });
    let for_mails = MAIL_PORTS.map(|port| connection(notification_service::NAME, ANYWHERE, port));
    assert_eq!(allowed.to_other_namespaces, for_all.chain(for_mails).collect());
}

#[test]
fn mail_servers_may_have_addresses_of_both_versions_of_ip() {
    let manifests = Manifests::read();
    let policy = manifests.get("NetworkPolicy", notification_service::NAME);
    let peers = list(&policy["spec"]["egress"]).iter().flat_map(|rule| list(&rule["to"]));
    let blocks: Vec<_> = peers.filter_map(|peer| peer["ipBlock"]["cidr"].as_str()).collect();
    assert_eq!(blocks, EVERY_ADDRESS);
}

#[test]
fn every_allowed_port_is_a_port_of_the_container() {
    let manifests = Manifests::read();
    let allowed = allowed_connections(&manifests);
    for (_, to, port) in allowed.ingress.union(&allowed.from_other_namespaces) {
        let workload = manifests.workloads().find(|workload| workload.name() == to).unwrap();
        let ports = list(&workload.container()["ports"]);
        assert!(ports.iter().any(|declared| declared["containerPort"] == *port), "{to}: {port}");
    }
}

#[test]
fn the_ingress_routes_every_host_to_the_gateway_with_tls() {
    let manifests = Manifests::read();
    let ingress = manifests.of_kind("Ingress").next().unwrap();
    let tls = list(&ingress["spec"]["tls"]);
    let hosts: Vec<_> = tls.iter().flat_map(|entry| strings(&entry["hosts"])).collect();
    let rules = list(&ingress["spec"]["rules"]);
    assert!(!rules.is_empty());
    for rule in rules {
        assert!(hosts.contains(&rule["host"].as_str().unwrap()), "{rule}");
        for path in list(&rule["http"]["paths"]) {
            let backend = &path["backend"]["service"];
            assert_eq!((&path["path"], &path["pathType"]), (&"/".into(), &"Prefix".into()));
            let ports = list(&manifests.get("Service", backend["name"].as_str().unwrap())["spec"]["ports"]);
            assert_eq!(backend["name"], api_gateway::NAME);
            assert!(ports.iter().any(|port| port["name"] == backend["port"]["name"]), "{backend}");
        }
    }
}
