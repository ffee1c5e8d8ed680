//! Who may talk to whom.

use std::collections::BTreeSet;

use eventboard_chassis::{config::Env, metrics_endpoint::MetricsConfig};
use serde_json::Value;

use super::{Manifests, list, services, words};

const POSTGRES: &str = "postgres";
const POSTGRES_PORT: u64 = 5432;
const DNS_PORT: u64 = 53;
/// Where collectors of traces listen, over gRPC.
const OTLP_PORT: u64 = 4317;

/// From, to, and the port.
type Opening = (String, String, u64);

struct Openings {
    /// Between our own pods, as those say who begin.
    begun: BTreeSet<Opening>,
    /// The same, as those say who are spoken to.
    accepted: BTreeSet<Opening>,
    /// From other namespaces.
    inwards: BTreeSet<Opening>,
    /// To other namespaces.
    outwards: BTreeSet<Opening>,
}

fn openings(manifests: &Manifests) -> Openings {
    let (mut begun, mut accepted, mut inwards, mut outwards) = Default::default();
    for policy in manifests.of_kind("NetworkPolicy") {
        for own in manifests.selected(&policy["spec"]["podSelector"]) {
            for (rules, peers, inner, outer, own_is_target) in [
                ("egress", "to", &mut begun, &mut outwards, false),
                ("ingress", "from", &mut accepted, &mut inwards, true),
            ] {
                for rule in list(&policy["spec"][rules]) {
                    for (other, is_ours) in list(&rule[peers]).iter().flat_map(|peer| named(manifests, peer))
                    {
                        for port in list(&rule["ports"]) {
                            let port = port["port"].as_u64().unwrap();
                            let (from, to) = if own_is_target { (&*other, own) } else { (own, &*other) };
                            let openings: &mut BTreeSet<Opening> = if is_ours { inner } else { outer };
                            openings.insert((from.to_owned(), to.to_owned(), port));
                        }
                    }
                }
            }
        }
    }
    Openings { begun, accepted, inwards, outwards }
}

/// Who a peer is, and whether it is one of our workloads.
fn named(manifests: &Manifests, peer: &Value) -> Vec<(String, bool)> {
    let (pods, namespace) = (&peer["podSelector"], &peer["namespaceSelector"]);
    assert!(peer["ipBlock"].is_null(), "{peer}");
    if namespace.is_null() {
        return manifests.selected(pods).into_iter().map(|name| (name.to_owned(), true)).collect();
    }
    let key = "kubernetes.io/metadata.name";
    let mut names: Vec<_> = namespace["matchLabels"][key].as_str().into_iter().collect();
    for expression in list(&namespace["matchExpressions"]) {
        assert_eq!((&expression["key"], &expression["operator"]), (&key.into(), &"In".into()));
        names.extend(words(&expression["values"]));
    }
    assert!(!names.is_empty(), "all namespaces: {peer}");
    let pods = pods["matchLabels"]["k8s-app"].as_str().map(|app| format!("/{app}")).unwrap_or_default();
    names.into_iter().map(|name| (format!("{name}{pods}"), false)).collect()
}

fn opening(from: &str, to: &str, port: impl Into<u64>) -> Opening {
    (from.to_owned(), to.to_owned(), port.into())
}

#[test]
fn nobody_talks_to_anybody_unless_it_is_allowed() {
    let manifests = Manifests::read();
    let all = manifests.workloads().count();
    let closed = manifests.of_kind("NetworkPolicy").find(|policy| {
        let spec = &policy["spec"];
        words(&spec["policyTypes"]) == ["Ingress", "Egress"]
            && manifests.selected(&spec["podSelector"]).len() == all
            && spec["ingress"].is_null()
            && spec["egress"].is_null()
    });
    assert!(closed.is_some());
}

#[test]
fn every_opening_names_its_peers_and_its_ports() {
    let manifests = Manifests::read();
    for policy in manifests.of_kind("NetworkPolicy") {
        for (direction, rules, peers) in [("Ingress", "ingress", "from"), ("Egress", "egress", "to")] {
            for rule in list(&policy["spec"][rules]) {
                assert!(words(&policy["spec"]["policyTypes"]).contains(&direction), "{}", policy.name());
                // Where one of them is missing, it stands for all.
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
fn what_the_services_need_is_open_at_both_ends_and_nothing_else() {
    let openings = openings(&Manifests::read());
    let mut needed = BTreeSet::new();
    for service in services().iter().filter(|service| service.grpc.is_some()) {
        needed.insert(opening(api_gateway::NAME, service.name, service.port));
        needed.insert(opening(service.name, POSTGRES, POSTGRES_PORT));
    }
    assert_eq!(openings.begun, needed);
    assert_eq!(openings.accepted, needed);
}

#[test]
fn from_outside_come_ingress_controllers_and_prometheus_only() {
    let openings = openings(&Manifests::read());
    let metrics = MetricsConfig::from_env(&mut Env::from_iter([])).port;
    let gateway = services().into_iter().find(|service| service.grpc.is_none()).unwrap();
    let mut allowed: BTreeSet<_> =
        services().iter().map(|service| opening("monitoring", service.name, metrics)).collect();
    allowed.extend(
        ["ingress-nginx", "kube-system", "traefik"].map(|name| opening(name, gateway.name, gateway.port)),
    );
    assert_eq!(openings.inwards, allowed);
}

#[test]
fn outwards_go_nothing_but_the_question_for_a_name_and_traces() {
    let openings = openings(&Manifests::read());
    let allowed = services().into_iter().flat_map(|service| {
        let names = opening(service.name, "kube-system/kube-dns", DNS_PORT);
        [names, opening(service.name, "monitoring", OTLP_PORT)]
    });
    assert_eq!(openings.outwards, allowed.collect());
}

#[test]
fn openings_lead_to_ports_that_somebody_listens_on() {
    let manifests = Manifests::read();
    let openings = openings(&manifests);
    for (_, to, port) in openings.accepted.union(&openings.inwards) {
        let workload = manifests.workloads().find(|workload| workload.name() == to).unwrap();
        let ports = list(&workload.container()["ports"]);
        assert!(ports.iter().any(|listening| listening["containerPort"] == *port), "{to}: {port}");
    }
}

#[test]
fn the_ingress_leads_to_the_gateway_and_speaks_tls_for_every_host() {
    let manifests = Manifests::read();
    let ingress = manifests.of_kind("Ingress").next().unwrap();
    let hosts: Vec<_> = list(&ingress["spec"]["tls"]).iter().flat_map(|tls| words(&tls["hosts"])).collect();
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
