//! A name of events-service that loses and gains addresses.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use eventboard_e2e::{process::command, until};
use tempfile::NamedTempFile;
use tokio::time::sleep;

use crate::harness::{BINARIES, Cluster, Replica, Row, Size, backend_variables, free_port};

const NAME: &str = "events-service.internal";

/// The gateway looks every two seconds; one more for the connection and the load.
const FOUND_WITHIN: Duration = Duration::from_secs(3);

/// How far off the measuring may be: a log is read every 20 ms, on a busy machine.
const MARGIN: Duration = Duration::from_millis(500);

/// An /etc/hosts that the test edits.
struct Hosts(NamedTempFile);

impl Hosts {
    fn with(last_bytes: &[u8]) -> Self {
        let hosts = Self(NamedTempFile::with_prefix("eventboard-hosts-").unwrap());
        hosts.set(last_bytes);
        hosts
    }

    /// The name gets 127.0.0.x for each x. The file stays the same one, because it is mounted.
    fn set(&self, last_bytes: &[u8]) {
        let lines: String = last_bytes.iter().map(|byte| format!("127.0.0.{byte} {NAME}\n")).collect();
        fs::write(self.0.path(), format!("127.0.0.1 localhost\n{lines}")).unwrap();
    }

    /// A gateway for which this file is /etc/hosts.
    fn gateway(&self, cluster: &Cluster, port: u16) -> Command {
        let mut variables = cluster.variables_of_gateway(NAME, &[]);
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

/// A ready replica at 127.0.0.x.
async fn replica(cluster: &Cluster, port: u16, last_byte: u8) -> Replica {
    let mut variables = backend_variables("EVENTS_SERVICE_PORT", &cluster.database);
    variables.push(("EVENTS_SERVICE_PORT", port.to_string()));
    variables.push(("HOST", format!("127.0.0.{last_byte}")));
    let replica = Replica::start(BINARIES.events, &variables).await;
    replica.until_ready().await;
    replica
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_loses_and_gains_addresses_costs_no_request() {
    let mut cluster = Cluster::start(BINARIES, Size { gateways: 0, auth: 1, events: 0 }, &[]).await;
    let (port, hosts) = (free_port(), Hosts::with(&[11, 12, 13]));
    for last_byte in [11, 12, 13] {
        let replica = replica(&cluster, port, last_byte).await;
        cluster.events.push(replica);
    }
    let gateway = Replica::launch(hosts.gateway(&cluster, port)).await;
    cluster.gateways.push(gateway);
    cluster.until_healthy().await;
    let load = cluster.load().await;
    sleep(Duration::from_secs(3)).await;
    assert!(cluster.events.iter().all(|replica| replica.logged("Call finished") > 0), "all get calls");

    hosts.set(&[11, 13]);
    sleep(FOUND_WITHIN).await;
    cluster.events[1].drain().await;
    sleep(Duration::from_secs(2)).await;

    let gained = replica(&cluster, port, 14).await;
    hosts.set(&[11, 13, 14]);
    let known = Instant::now();
    until("the new address gets calls", async || gained.logged("Call finished") > 0).await;
    let found = known.elapsed();
    cluster.events.push(gained);
    sleep(Duration::from_secs(2)).await;

    hosts.set(&[]);
    let calls = |replica: &Replica| replica.logged("Call finished");
    sleep(Duration::from_secs(4)).await;
    let before: Vec<_> = cluster.events.iter().map(calls).collect();
    sleep(Duration::from_secs(3)).await;
    let after: Vec<_> = cluster.events.iter().map(calls).collect();
    let outcome = load.stop().await;

    Row::new("DNS loses, gains, loses all", &outcome.tally, &cluster)
        .note("the new address gets calls after", format!("{} ms", found.as_millis()))
        .publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failed_at_most(0.0);
    assert!(found <= FOUND_WITHIN + MARGIN);
    for replica in [0, 2, 3] {
        assert!(after[replica] > before[replica], "the last good set is kept: {before:?} {after:?}");
    }
}
