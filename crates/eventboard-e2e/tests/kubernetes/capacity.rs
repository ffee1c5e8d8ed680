//! Measures how much each pod of events-service adds, and at which share of its CPU limit a pod becomes slow. The target
//! of the autoscaler (k8s/31-events-service.yaml) follows from these figures.
//!
//! The CPU limit is small, so that the pods, and not the machine, limit the throughput.

use std::time::{Duration, Instant};

use eventboard_e2e::{Actor, Anonymous};
use futures::future::join_all;
use tokio::time::{sleep, sleep_until};

use crate::{
    cluster::{Cluster, HOST},
    report::Report,
};

/// The CPU limit of a pod in this measurement.
const LIMIT_MILLICORES: u32 = 150;

/// How long one load is measured.
const DURATION: Duration = Duration::from_secs(20);

/// The number of users, who share the clients.
const USERS: usize = 16;

/// As many clients as saturate three pods.
const SATURATING_CLIENTS: usize = 48;

/// The pause of each client between two requests, for the steps that lead one pod to its limit.
const PAUSE: Duration = Duration::from_millis(200);
const STEPS: [usize; 6] = [2, 4, 5, 6, 7, 8];

/// The pause of a client after a request that was rejected because of the load.
const PAUSE_AFTER_REJECTION: Duration = Duration::from_millis(100);

/// What the clients of one load saw, and the CPU time that it took.
struct Measured {
    requests_per_second: f64,
    p50: Duration,
    p99: Duration,
    /// Of all pods of events-service, and of PostgreSQL.
    events_millicores: f64,
    postgres_millicores: f64,
}

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report
        .long_row("a second and a third pod of events-service add to the throughput", capacity(cluster))
        .await;
}

async fn capacity(cluster: &Cluster) -> String {
    cluster.kubectl("delete hpa events-service").await;
    cluster
        .kubectl(&format!(
            "set resources deployment/events-service --containers=events-service --limits=cpu={LIMIT_MILLICORES}m"
        ))
        .await;
    let actors = actors(cluster).await;
    scale(cluster, 1).await;
    for clients in STEPS {
        let measured = measure(cluster, &actors, clients, PAUSE).await;
        measured.add_row(cluster, &format!("1 pod, {clients} clients with pauses"));
    }
    let mut throughputs = Vec::new();
    for pods in 1..=3 {
        scale(cluster, pods).await;
        let measured = measure(cluster, &actors, SATURATING_CLIENTS, Duration::ZERO).await;
        measured.add_row(cluster, &format!("{pods} pods, {SATURATING_CLIENTS} clients"));
        throughputs.push(measured.requests_per_second);
    }
    cluster.sh("kubectl apply -f k8s/31-events-service.yaml").await;
    let [one, two, three] = throughputs[..] else { unreachable!() };
    assert!(one < two && two < three, "requests per second by pods: {throughputs:?}");
    format!("{one:.0}, {two:.0} and {three:.0} requests per second")
}

async fn scale(cluster: &Cluster, pods: usize) {
    cluster.kubectl(&format!("scale deployment/events-service --replicas={pods}")).await;
    cluster.wait_until_settled().await;
    cluster.wait_until_healthy().await;
    // The gateways find a new pod within this time, if DNS caches answers for 5 s.
    sleep(Duration::from_secs(8)).await;
}

/// Users with a page of events. Each has an organization of its own, because one organization has only a share of a pod.
async fn actors(cluster: &Cluster) -> Vec<Actor> {
    let anonymous = Anonymous::behind_proxy(cluster.ingress, HOST);
    let mut actors = Vec::new();
    for _ in 0..USERS {
        let actor = anonymous.sign_up_admin().await;
        for _ in 0..10 {
            actor.create_event("Capacity").await;
        }
        actors.push(actor);
    }
    actors
}

/// Reads pages of events with this many clients.
async fn measure(cluster: &Cluster, actors: &[Actor], clients: usize, pause: Duration) -> Measured {
    let (events, postgres) = cpu_times(cluster).await;
    let began = Instant::now();
    let end = began + DURATION;
    let latencies = join_all(actors.iter().cycle().take(clients).enumerate().map(async |(number, actor)| {
        sleep(pause * u32::try_from(number).unwrap() / u32::try_from(clients).unwrap()).await;
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let sent = Instant::now();
            if actor.get("/events").await.status == 200 {
                latencies.push(sent.elapsed());
            } else {
                sleep(PAUSE_AFTER_REJECTION).await;
            }
            sleep_until((sent + pause).into()).await;
        }
        latencies
    }))
    .await;
    let elapsed = began.elapsed();
    let (events_after, postgres_after) = cpu_times(cluster).await;
    let mut latencies = latencies.concat();
    latencies.sort_unstable();
    let percentile = |percent: usize| latencies[latencies.len() * percent / 100];
    let millicores = |used: Duration| used.as_secs_f64() / elapsed.as_secs_f64() * 1000.0;
    Measured {
        requests_per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
        p50: percentile(50),
        p99: percentile(99),
        events_millicores: millicores(events_after - events),
        postgres_millicores: millicores(postgres_after - postgres),
    }
}

/// The CPU time that the pods of events-service have used, and that of PostgreSQL.
async fn cpu_times(cluster: &Cluster) -> (Duration, Duration) {
    let pods = cluster.pods().await;
    let mut events = Duration::ZERO;
    for pod in pods.iter().filter(|pod| pod.app == "events-service") {
        events += cpu_time(cluster, &format!("{} -c events-service", pod.name)).await;
    }
    (events, cpu_time(cluster, "postgres-0").await)
}

/// The CPU time that a container has used, from its control group of version 2 or 1.
async fn cpu_time(cluster: &Cluster, container: &str) -> Duration {
    let usage = cluster
        .kubectl(&format!(
            "exec {container} -- sh -c 'sed -n \"s/^usage_usec \\(.*\\)/\\1000/p\" /sys/fs/cgroup/cpu.stat 2>/dev/null ||
             cat /sys/fs/cgroup/cpuacct/cpuacct.usage'"
        ))
        .await;
    Duration::from_nanos(
        usage.trim().parse().unwrap_or_else(|_| panic!("no CPU time of {container}: {usage}")),
    )
}

impl Measured {
    fn add_row(&self, cluster: &Cluster, load: &str) {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        cluster.add_measured(&format!(
            "| capacity: {load} | {:.0}/s | | p50 {:.1} ms, p99 {:.1} ms | events-service {:.0} mCPU, PostgreSQL {:.0} mCPU | |",
            self.requests_per_second,
            milliseconds(self.p50),
            milliseconds(self.p99),
            self.events_millicores,
            self.postgres_millicores,
        ));
    }
}
