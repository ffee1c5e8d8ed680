//! DNS discovery: the host name of events-service loses and gains addresses.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use eventboard_e2e::{process::command, wait_until};
use futures::future::join;
use tempfile::NamedTempFile;
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Replica, Row, Size, backend_variables, free_port};

const HOST_NAME: &str = "events-service.internal";

/// The gateway resolves the host name every two seconds. One more second is allowed for connecting on a loaded
/// machine.
const DISCOVERY_LIMIT: Duration = Duration::from_secs(3);

/// The tolerance of the measurement, because the log is only read every 20 ms and the machine is busy.
const TOLERANCE: Duration = Duration::from_millis(500);

/// A replacement for /etc/hosts that the test edits.
struct HostsFile(NamedTempFile);

impl HostsFile {
    fn new(last_bytes: &[u8]) -> Self {
        let hosts = Self(NamedTempFile::with_prefix("eventboard-hosts-").unwrap());
        hosts.set(last_bytes);
        hosts
    }

    /// Sets the addresses of the host name to 127.0.0.x for each x. The file is changed in place, because it is
    /// mounted.
    fn set(&self, last_bytes: &[u8]) {
        let lines: String = last_bytes.iter().map(|byte| format!("127.0.0.{byte} {HOST_NAME}\n")).collect();
        fs::write(self.0.path(), format!("127.0.0.1 localhost\n{lines}")).unwrap();
    }

    /// A command that runs a gateway with this file as its /etc/hosts.
    fn gateway_command(&self, cluster: &Cluster, port: u16) -> Command {
        let mut variables = cluster.gateway_variables(HOST_NAME, &[]);
        variables.push(("EVENTS_SERVICE_PORT", port.to_string()));
        variables.push(("HOSTS", self.0.path().to_str().unwrap().to_owned()));
        let mut command = command("unshare", &variables);
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.args([r#"mount --bind "$HOSTS" /etc/hosts && exec "$0""#, BINARIES.gateway]);
        command
    }
}

/// How long a replica drains. The tests stop it long before the timeout.
const DRAIN: [(&str, &str); 2] = [("DRAIN_GRACE", "3s"), ("DRAIN_TIMEOUT", "50s")];

/// Starts a replica at 127.0.0.x and waits until it is ready.
async fn start_replica(cluster: &Cluster, port: u16, last_byte: u8) -> Replica {
    let mut variables = backend_variables("EVENTS_SERVICE_PORT", &cluster.database);
    variables.extend(DRAIN.map(|(name, value)| (name, value.to_owned())));
    variables.push(("EVENTS_SERVICE_PORT", port.to_string()));
    variables.push(("HOST", format!("127.0.0.{last_byte}")));
    let replica = Replica::start(BINARIES.events, &variables).await;
    replica.wait_until_ready().await;
    replica
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_the_addresses_of_a_host_name_fails_no_request() {
    let mut cluster = Cluster::start(BINARIES, Size { gateways: 0, auth: 1, events: 0 }, &[]).await;
    let (port, hosts) = (free_port(), HostsFile::new(&[11, 12, 13]));
    for last_byte in [11, 12, 13] {
        let replica = start_replica(&cluster, port, last_byte).await;
        cluster.events.push(replica);
    }
    let gateway = Replica::launch(hosts.gateway_command(&cluster, port)).await;
    cluster.gateways.push(gateway);
    cluster.wait_until_healthy().await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(3)).await;
    assert!(cluster.events.iter().all(|replica| replica.log_count("Call finished") > 0), "all receive calls");

    hosts.set(&[11, 13]);
    sleep(DISCOVERY_LIMIT).await;
    cluster.events[1].drain().await;
    sleep(Duration::from_secs(2)).await;

    let added = start_replica(&cluster, port, 14).await;
    hosts.set(&[11, 13, 14]);
    let changed = Instant::now();
    wait_until("the new address receives calls", async || added.log_count("Call finished") > 0).await;
    let discovery_time = changed.elapsed();
    cluster.events.push(added);
    sleep(Duration::from_secs(2)).await;

    hosts.set(&[]);
    let calls = |replica: &Replica| replica.log_count("Call finished");
    sleep(Duration::from_secs(4)).await;
    let before: Vec<_> = cluster.events.iter().map(calls).collect();
    sleep(Duration::from_secs(3)).await;
    let after: Vec<_> = cluster.events.iter().map(calls).collect();
    let outcome = load.stop().await;

    Row::new("DNS loses, gains, loses all", &outcome.tally, &cluster)
        .note("the new address receives calls after", format!("{} ms", discovery_time.as_millis()))
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failure_share_at_most(0.0);
    assert!(discovery_time <= DISCOVERY_LIMIT + TOLERANCE);
    for replica in [0, 2, 3] {
        assert!(after[replica] > before[replica], "the last known addresses are kept: {before:?} {after:?}");
    }
}

/// A system whose only replica of events-service is at an address of the host name.
async fn start_with_one_address(last_byte: u8) -> (Cluster, u16, HostsFile) {
    let mut cluster = Cluster::start(BINARIES, Size { gateways: 0, auth: 1, events: 0 }, &[]).await;
    let (port, hosts) = (free_port(), HostsFile::new(&[last_byte]));
    let replica = start_replica(&cluster, port, last_byte).await;
    cluster.events.push(replica);
    let gateway = Replica::launch(hosts.gateway_command(&cluster, port)).await;
    cluster.gateways.push(gateway);
    cluster.wait_until_healthy().await;
    (cluster, port, hosts)
}

/// How long DNS still answers with the old address only, as a cluster DNS with a cache does.
const STALE_DNS: Duration = Duration::from_secs(9);

const CALLERS_LEFT: &str = "Drained: no request has arrived";

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_serves_until_the_gateway_has_found_its_successor() {
    let (mut cluster, port, hosts) = start_with_one_address(21).await;
    let successor = start_replica(&cluster, port, 22).await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(2)).await;

    let (stopped, found) = (Instant::now(), async {
        sleep(STALE_DNS).await;
        hosts.set(&[22]);
    });
    join(cluster.events[0].drain(), found).await;
    let drain_time = stopped.elapsed();
    sleep(Duration::from_secs(2)).await;
    let outcome = load.stop().await;
    cluster.events.push(successor);

    Row::new("the only known replica is replaced", &outcome.tally, &cluster)
        .note("DNS names its successor after", format!("{} ms", STALE_DNS.as_millis()))
        .note("it exits after", format!("{} ms", drain_time.as_millis()))
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failure_share_at_most(0.0);
    assert_eq!(cluster.events[0].log_count(CALLERS_LEFT), 1);
    assert!(cluster.events[1].log_count("Call finished") > 0, "the successor receives calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_waits_for_its_gateway_even_if_no_client_sends_a_request() {
    let (mut cluster, port, hosts) = start_with_one_address(31).await;
    let successor = start_replica(&cluster, port, 32).await;
    let admin = cluster.gateways[0].client().sign_up_admin().await;

    let quiet = async {
        sleep(STALE_DNS).await;
        admin.create_event("Created by the replica that drains").await;
        hosts.set(&[32]);
    };
    join(cluster.events[0].drain(), quiet).await;
    admin.create_event("Created by its successor").await;
    assert!(cluster.events[0].log_count("Call finished") > 0, "the old replica receives calls");
    assert_eq!(cluster.events[0].log_count(CALLERS_LEFT), 1);
    assert!(successor.log_count("Call finished") > 0, "the successor receives calls");
}
