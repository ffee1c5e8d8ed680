//! The connections that the NetworkPolicies allow and forbid, tried from pods.

use std::collections::BTreeMap;

use futures::future::join_all;

use crate::{
    cluster::{Cluster, Pod, SERVICES},
    report::Report,
};

/// The namespaces of ingress controllers, of the monitoring, and one that has no role.
const NAMESPACES: [&str; 6] =
    ["envoy-gateway-system", "ingress-nginx", "kube-system", "traefik", "monitoring", "default"];

/// The name of the pods that this test adds: one in each namespace above, and one in `eventboard` without a role.
const STRANGER: &str = "policy-test";

/// The port on which strangers listen: that of trace collectors.
const STRANGER_PORT: u16 = 4317;

/// Listens, because the images have perl but no server for tests.
const LISTEN: &str = "use IO::Socket::INET; \
    my $socket = IO::Socket::INET->new(LocalPort => 4317, Listen => 9, ReuseAddr => 1) or die; \
    while (my $connection = $socket->accept) { close $connection }";

/// Connects to all arguments (name, address, port) at the same time, and after 3 seconds prints which connections are open.
/// It starts no processes, because those that PostgreSQL's first process does not know would crash it when they end.
const CONNECT: &str = "use Socket; use IO::Handle; my @connections; \
    for (@ARGV) { \
        my ($name, $address, $port) = split /,/; \
        socket(my $socket, PF_INET, SOCK_STREAM, 0) or die; \
        $socket->blocking(0); \
        connect($socket, sockaddr_in($port, inet_aton($address))); \
        push @connections, [$socket, \"$name $port\\n\"]; \
    } \
    sleep 3; \
    for (@connections) { print $$_[1] if getpeername $$_[0] }";

/// A pod from which connections are tried, or to which.
struct Peer {
    /// The service, `postgres`, `stranger` or the namespace.
    role: &'static str,
    namespace: &'static str,
    /// Empty for CoreDNS, from which nothing can be tried, because it has no shell.
    pod: String,
    address: String,
    ports: &'static [u16],
}

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report.row("NetworkPolicies allow and forbid the right connections", connections(cluster)).await;
}

async fn connections(cluster: &Cluster) -> String {
    let created = create_strangers(cluster).await;
    let peers = peers(cluster).await;
    let results = join_all(peers.iter().map(|from| try_from(cluster, from, &peers))).await;
    let results: Vec<_> = results.into_iter().flatten().collect();
    let wrong: Vec<_> =
        results.iter().filter(|(from, to, port, is_open)| *is_open != is_allowed(from, to, *port)).collect();
    remove_strangers(cluster, &created).await;
    assert!(wrong.is_empty(), "wrong (from, to, port, whether it is open): {wrong:?}");
    let allowed = results.iter().filter(|result| result.3).count();
    format!("{allowed} allowed, {} forbidden", results.len() - allowed)
}

/// The rules, as docs/security.md states them. Connections between other namespaces are not ours.
fn is_allowed(from: &str, to: &str, port: u16) -> bool {
    match (from, to, port) {
        ("api-gateway", "auth-service", 3001) | ("api-gateway", "events-service", 3002) => true,
        ("auth-service" | "events-service" | "notification-service", "postgres", 5432) => true,
        ("envoy-gateway-system" | "ingress-nginx" | "kube-system" | "traefik", "api-gateway", 3000) => true,
        ("monitoring", service, 9464)
        | (service, "monitoring", STRANGER_PORT)
        | (service, "kube-dns", 53) => SERVICES.contains(&service),
        _ => false,
    }
}

/// Creates the pods, and returns the namespaces that did not exist.
async fn create_strangers(cluster: &Cluster) -> Vec<&'static str> {
    let existing = cluster.sh("kubectl get namespaces -o jsonpath='{.items[*].metadata.name}'").await;
    let existing: Vec<_> = existing.split_whitespace().collect();
    let missing: Vec<_> = NAMESPACES.into_iter().filter(|name| !existing.contains(name)).collect();
    for namespace in &missing {
        cluster.sh(&format!("kubectl create namespace {namespace}")).await;
    }
    let image = cluster
        .kubectl("get deployment api-gateway -o jsonpath={.spec.template.spec.containers[0].image}")
        .await;
    let pods: Vec<_> =
        NAMESPACES.iter().chain(&["eventboard"]).map(|namespace| stranger(namespace, &image)).collect();
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": pods });
    cluster.sh(&format!("kubectl apply -f - <<'END'\n{list}\nEND")).await;
    for namespace in NAMESPACES.iter().chain(&["eventboard"]) {
        cluster
            .sh(&format!("kubectl -n {namespace} wait --for=condition=Ready pod/{STRANGER} --timeout=60s"))
            .await;
    }
    missing
}

/// A pod that conforms to the restricted standard.
fn stranger(namespace: &str, image: &str) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": STRANGER, "namespace": namespace },
        "spec": {
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "listener",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["perl", "-e", LISTEN],
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": { "drop": ["ALL"] },
                },
            }],
        },
    })
}

async fn remove_strangers(cluster: &Cluster, created: &[&str]) {
    for namespace in NAMESPACES.iter().chain(&["eventboard"]).filter(|namespace| !created.contains(namespace))
    {
        cluster.sh(&format!("kubectl -n {namespace} delete pod {STRANGER} --wait=false")).await;
    }
    for namespace in created {
        cluster.sh(&format!("kubectl delete namespace {namespace} --wait=false")).await;
    }
}

async fn peers(cluster: &Cluster) -> Vec<Peer> {
    let pods: BTreeMap<_, _> = cluster.pods().await.into_iter().map(|pod| (pod.app.clone(), pod)).collect();
    let own = |role: &'static str, ports: &'static [u16]| {
        let Pod { name, address, .. } = pods[role].clone();
        Peer { role, namespace: "eventboard", pod: name, address, ports }
    };
    let mut peers = vec![
        own("api-gateway", &[3000, 9464]),
        own("auth-service", &[3001, 9464]),
        own("events-service", &[3002, 9464]),
        own("notification-service", &[3003, 9464]),
        own("postgres", &[5432]),
    ];
    for (role, namespace) in
        NAMESPACES.map(|name| (name, name)).into_iter().chain([("stranger", "eventboard")])
    {
        let address = cluster
            .sh(&format!("kubectl -n {namespace} get pod {STRANGER} -o jsonpath={{.status.podIP}}"))
            .await;
        peers.push(Peer { role, namespace, pod: STRANGER.to_owned(), address, ports: &[STRANGER_PORT] });
    }
    let dns = "kubectl -n kube-system get pods -l k8s-app=kube-dns -o jsonpath={.items[0].status.podIP}";
    peers.push(Peer {
        role: "kube-dns",
        namespace: "kube-system",
        pod: String::new(),
        address: cluster.sh(dns).await,
        ports: &[53],
    });
    peers
}

/// Tries all connections from one pod to the others at the same time. A forbidden connection times out.
async fn try_from<'a>(
    cluster: &Cluster,
    from: &'a Peer,
    peers: &'a [Peer],
) -> Vec<(&'a str, &'a str, u16, bool)> {
    if from.pod.is_empty() {
        return Vec::new();
    }
    // A pod always reaches itself.
    let is_ours = |peer: &Peer| peer.namespace == "eventboard";
    let others = peers.iter().filter(|to| to.role != from.role && (is_ours(from) || is_ours(to)));
    let targets: Vec<_> = others.flat_map(|to| to.ports.iter().map(move |port| (to, *port))).collect();
    let arguments: String =
        targets.iter().map(|(to, port)| format!(" {},{},{port}", to.role, to.address)).collect();
    let lines = format!("kubectl -n {} exec {} -- perl -e '{CONNECT}'{arguments}", from.namespace, from.pod);
    let open = cluster.sh(&lines).await;
    let is_open = |to: &Peer, port: u16| open.lines().any(|line| line == format!("{} {port}", to.role));
    targets.into_iter().map(|(to, port)| (from.role, to.role, port, is_open(to, port))).collect()
}
