//! Overload: many more clients than the system can serve.

use std::time::{Duration, Instant};

use eventboard_e2e::process::resident_kib;
use futures::future::{join, join_all};
use tokio::time::{sleep, timeout};

use crate::harness::{BINARIES, Cluster, Row, Size};
use crate::load_generator::{LoadGenerator, LoadResult};

const SUSTAINABLE_CONNECTIONS: usize = 32;
const OVERLOAD_CONNECTIONS: usize = 400;

/// `MAX_CONCURRENT_REQUESTS`. The load comes from one user, who has a quarter of these places. This is lower than the
/// default, so that an unoptimized build can serve this many requests at once without delaying its health checks.
const MAX_CONCURRENT_REQUESTS: &str = "256";

const MEASURED_TIME: Duration = Duration::from_secs(10);

/// The memory that the HTTP library needs per connection: a buffer of 8 kB in each direction and its state. In a
/// measurement, an idle connection took 26 kB.
const CONNECTION_KB: u64 = 28;

/// A slower health response counts as a failure.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// The resident memory of each process, in KiB.
fn memory(cluster: &Cluster) -> Vec<u64> {
    cluster.replicas().map(|replica| resident_kib(replica.pid())).collect()
}

/// The memory and the health of all replicas during a measurement.
#[derive(Default)]
struct Observation {
    /// The maximum memory of each process, in KiB.
    memory: Vec<u64>,
    slowest_health: Duration,
    unhealthy: Vec<String>,
}

/// Observes memory and health during a measurement.
async fn observe(cluster: &Cluster) -> Observation {
    let mut observation = Observation { memory: memory(cluster), ..Observation::default() };
    let began = Instant::now();
    while began.elapsed() < MEASURED_TIME {
        for (largest, current) in observation.memory.iter_mut().zip(memory(cluster)) {
            *largest = (*largest).max(current);
        }
        join_all(cluster.replicas().map(async |replica| {
            let (sent, client) = (Instant::now(), replica.client());
            let response = timeout(HEALTH_TIMEOUT, client.get("/health")).await;
            (sent.elapsed(), response.map(|response| response.status))
        }))
        .await
        .into_iter()
        .for_each(|(took, status)| {
            observation.slowest_health = observation.slowest_health.max(took);
            if !matches!(status, Ok(200)) {
                observation.unhealthy.push(format!("{status:?} after {took:?}"));
            }
        });
        sleep(Duration::from_millis(200)).await;
    }
    observation
}

#[tokio::test(flavor = "multi_thread")]
async fn under_overload_excess_requests_are_shed_and_the_others_are_served() {
    let variables = [("MAX_CONCURRENT_REQUESTS", MAX_CONCURRENT_REQUESTS)];
    let cluster = Cluster::start(BINARIES, Size { gateways: 1, auth: 1, events: 1 }, &variables).await;
    let admin = cluster.gateways[0].client().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("In demand").await);
    let generator = LoadGenerator::new(&cluster, &admin, &path);

    generator.run(SUSTAINABLE_CONNECTIONS, Duration::from_secs(3)).await;
    let (sustained, normal) =
        join(generator.run(SUSTAINABLE_CONNECTIONS, MEASURED_TIME), observe(&cluster)).await;
    let (overloaded, stressed) =
        join(generator.run(OVERLOAD_CONNECTIONS, MEASURED_TIME), observe(&cluster)).await;

    let ratio = overloaded.goodput() / sustained.goodput();
    let shed_by_events = cluster.events[0].log_count(r#""grpc_code":"ResourceExhausted""#);
    publish(&sustained, &overloaded, &normal, &stressed, shed_by_events);
    assert!(sustained.others.is_empty() && sustained.shed == 0, "{:?}", sustained.others);
    assert!(overloaded.others.is_empty(), "{:?}", &overloaded.others[..overloaded.others.len().min(10)]);
    assert!(overloaded.shed > 0, "the system was not overloaded");
    assert!(stressed.unhealthy.is_empty(), "{:?}", stressed.unhealthy);
    for (before, during) in normal.memory.iter().zip(&stressed.memory) {
        let allowed = before * 3 / 2 + 30 * 1024 + CONNECTION_KB * OVERLOAD_CONNECTIONS as u64;
        assert!(*during < allowed, "{during} kB instead of {before} kB");
    }
    // Shedding costs CPU time, and the load generator uses the same cores.
    assert!(ratio >= 0.5, "goodput fell to {ratio:.2}");
}

fn publish(
    sustained: &LoadResult,
    overloaded: &LoadResult,
    normal: &Observation,
    stressed: &Observation,
    shed_by_events: usize,
) {
    let (served, shed) = (overloaded.served, overloaded.shed);
    let others = overloaded.others.len();
    let figures = format!(
        "{} | {} | {shed} × 503, {others} × other | {} | 0 | 0",
        served + shed + others,
        shed + others,
        overloaded.longest_gap.as_millis()
    );
    Row::with_figures("overload, 400 connections", figures)
        .note("goodput per s with 32 connections", sustained.goodput().round())
        .note("with 400", overloaded.goodput().round())
        .note("ratio", format!("{:.2}", overloaded.goodput() / sustained.goodput()))
        .note("503s from events-service", shed_by_events)
        .note("slowest health", format!("{} ms", stressed.slowest_health.as_millis()))
        .note("kB (gateway, auth, events) before", format!("{:?}", normal.memory))
        .note("during", format!("{:?}", stressed.memory))
        .publish();
}
