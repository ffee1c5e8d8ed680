//! Far more clients than the system can serve.

use std::time::{Duration, Instant};

use eventboard_e2e::process::resident_kib;
use futures::future::{join, join_all};
use tokio::time::{sleep, timeout};

use crate::crowd::{Crowd, Yield};
use crate::harness::{BINARIES, Cluster, Row, Size};

const SUSTAINABLE: usize = 32;
const OVERLOAD: usize = 1500;
const MEASURED_FOR: Duration = Duration::from_secs(10);

/// What the HTTP library needs for a connection: a buffer of 8 kB for each direction, and its state. Measured: 26 kB for
/// an idle one.
const CONNECTION_KB: u64 = 28;

/// A health answer that takes longer counts as none.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// Kilobytes that each process has in memory, the largest first seen.
fn memory(cluster: &Cluster) -> Vec<u64> {
    cluster.replicas().map(|replica| resident_kib(replica.id())).collect()
}

/// What was seen from outside while something went on.
#[derive(Default)]
struct Watched {
    memory: Vec<u64>,
    slowest_health: Duration,
    unhealthy: Vec<String>,
}

/// Watches memory and health for as long as something is measured.
async fn watch(cluster: &Cluster) -> Watched {
    let mut watched = Watched { memory: memory(cluster), ..Watched::default() };
    let began = Instant::now();
    while began.elapsed() < MEASURED_FOR {
        for (largest, now) in watched.memory.iter_mut().zip(memory(cluster)) {
            *largest = (*largest).max(now);
        }
        join_all(cluster.replicas().map(async |replica| {
            let (asked, client) = (Instant::now(), replica.client());
            let answer = timeout(HEALTH_TIMEOUT, client.get("/health")).await;
            (asked.elapsed(), answer.map(|answer| answer.status))
        }))
        .await
        .into_iter()
        .for_each(|(took, answer)| {
            watched.slowest_health = watched.slowest_health.max(took);
            if !matches!(answer, Ok(200)) {
                watched.unhealthy.push(format!("{answer:?} after {took:?}"));
            }
        });
        sleep(Duration::from_millis(200)).await;
    }
    watched
}

#[tokio::test(flavor = "multi_thread")]
async fn far_too_many_clients_are_told_so_and_the_others_are_served() {
    let cluster = Cluster::start(BINARIES, Size { gateways: 1, auth: 1, events: 1 }, &[]).await;
    let admin = cluster.gateways[0].client().found_organization().await;
    let path = format!("/events/{}", admin.created("In demand").await);
    let crowd = Crowd::of(&cluster, &admin, &path);

    crowd.work(SUSTAINABLE, Duration::from_secs(3)).await;
    let (sustained, calm) = join(crowd.work(SUSTAINABLE, MEASURED_FOR), watch(&cluster)).await;
    let (overloaded, storm) = join(crowd.work(OVERLOAD, MEASURED_FOR), watch(&cluster)).await;

    let ratio = overloaded.goodput() / sustained.goodput();
    let deep = cluster.events[0].logged(r#""grpc_code":"ResourceExhausted""#);
    publish(&sustained, &overloaded, &calm, &storm, deep);
    assert!(sustained.others.is_empty() && sustained.shed == 0, "{:?}", sustained.others);
    assert!(overloaded.others.is_empty(), "{:?}", &overloaded.others[..overloaded.others.len().min(10)]);
    assert!(overloaded.shed > 0, "there was an overload");
    assert!(storm.unhealthy.is_empty(), "{:?}", storm.unhealthy);
    for (before, during) in calm.memory.iter().zip(&storm.memory) {
        let allowed = before * 3 / 2 + 30 * 1024 + CONNECTION_KB * OVERLOAD as u64;
        assert!(*during < allowed, "{during} kB instead of {before} kB");
    }
    // Refusals cost something, and the crowd itself takes its part of the same cores.
    assert!(ratio >= 0.7, "goodput fell to {ratio:.2}");
}

fn publish(sustained: &Yield, overloaded: &Yield, calm: &Watched, storm: &Watched, deep: usize) {
    let (served, shed) = (overloaded.served, overloaded.shed);
    let others = overloaded.others.len();
    let figures = format!(
        "{} | {} | {shed} × 503, {others} × other | {} | 0 | 0",
        served + shed + others,
        shed + others,
        overloaded.longest_gap.as_millis()
    );
    Row::of_figures("overload, 1500 connections", figures)
        .note("goodput per s of 32 connections", sustained.goodput().round())
        .note("of 1500", overloaded.goodput().round())
        .note("ratio", format!("{:.2}", overloaded.goodput() / sustained.goodput()))
        .note("of the 503s, by events-service", deep)
        .note("slowest health", format!("{} ms", storm.slowest_health.as_millis()))
        .note("kB (gateway, auth, events) before", format!("{:?}", calm.memory))
        .note("during", format!("{:?}", storm.memory))
        .publish();
}
