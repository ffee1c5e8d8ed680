//! Tests of faults: what the operator sees, and that the system recovers.

use std::time::{Duration, Instant};

use eventboard_e2e::{database::Lock, load::Load, wait_until};
use tokio::time::sleep;

use crate::{
    installation::{COMPOSE, Installation, demo_user, gateway},
    report::Report,
};

pub(crate) async fn rows(report: &mut Report, installation: &Installation) {
    report.row("a slow statement is logged with the request's correlation ID", slow(installation)).await;
    report.row("a held lock: 408, then recovery", locked(installation)).await;
    report.row("events-service stopped: 503 with Retry-After, then recovery", stopped(installation)).await;
    report.row("the database stopped: the services wait, then recover", without_database(installation)).await;
    report.row("scale to three and back under load", Box::pin(scale(installation))).await;
    report
        .row(
            "of three replicas, one is killed and one hangs under load: lines with Retry",
            Box::pin(replicas_lost(installation)),
        )
        .await;
    report.row("`restart`, `down` and `up` lose nothing", restart(installation)).await;
}

async fn slow(installation: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let lock = Lock::on_all_events_with(installation.database().await).await;
    let header = ("x-correlation-id", "slow-one-1");
    let pending = tokio::spawn(async move {
        member.with_header(reqwest::Method::GET, "/events", header, &serde_json::Value::Null).await
    });
    sleep(Duration::from_millis(600)).await;
    lock.release().await;
    pending.await.unwrap().expect(200);
    wait_until("the line is logged", async || {
        let log =
            installation.run(&format!("{COMPOSE} logs --no-color events-service | grep slow")).await.output;
        log.lines().any(|line| line.contains("slow-one-1"))
    })
    .await;
    String::new()
}

async fn locked(installation: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let lock = Lock::on_all_events_with(installation.database().await).await;
    let began = Instant::now();
    let response = member.get("/events/01890000-0000-7000-8000-000000000001").await;
    response.expect_problem(408);
    let took = began.elapsed();
    lock.release().await;
    member.get("/events/01890000-0000-7000-8000-000000000001").await.expect(200);
    format!("408 after {:.1} s", took.as_secs_f64())
}

async fn stopped(installation: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    installation.compose("stop events-service").await;
    let response = member.get("/events").await;
    response.expect_problem(503);
    assert_eq!(installation.status("http://localhost:3000/health").await, "503");
    assert!(installation.run("curl -f http://localhost:3000/health").await.failure().contains("503"));
    wait_until("the line is logged", async || {
        let log = installation.compose("logs --no-color api-gateway").await;
        log.lines().any(|line| line.contains("Ejected") && line.contains("events-service"))
    })
    .await;
    installation.compose("start events-service").await;
    let recovery = installation.wait_until_healthy().await;
    member.get("/events").await.expect(200);
    format!("healthy {:.1} s after `start`", recovery.as_secs_f64())
}

async fn without_database(installation: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    installation.compose("stop postgres").await;
    wait_until("requests get 503", async || member.get("/events").await.status == 503).await;
    wait_until("the line is logged", async || {
        installation.compose("logs --no-color events-service").await.contains("A dependency is down")
    })
    .await;
    // A replica that starts without the database waits for it.
    installation.compose("restart auth-service").await;
    installation.compose("start postgres").await;
    let recovery = installation.wait_until_healthy().await;
    member.get("/events").await.expect(200);
    format!("healthy {:.1} s after `start`", recovery.as_secs_f64())
}

/// Runs an action while clients write and read. No request may fail, and no write may be lost or duplicated.
async fn under_load(installation: &Installation, action: impl Future<Output = ()>) -> String {
    let load = Load::start(vec![gateway()]).await;
    sleep(Duration::from_secs(2)).await;
    action.await;
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;
    outcome.tally.assert_failure_share_at_most(0.0);
    outcome.verify(&mut installation.database().await).await;
    let (requests, gap) = (outcome.tally.requests(), outcome.tally.longest_gap().as_millis());
    format!("{requests} requests, 0 failed, longest gap {gap} ms")
}

async fn scale_to(installation: &Installation, count: usize) {
    installation.compose(&format!("up -d --scale events-service={count}")).await;
    assert_eq!(installation.containers("events-service").await.len(), count);
}

async fn scale(installation: &Installation) -> String {
    let up = under_load(installation, async {
        scale_to(installation, 3).await;
        for container in installation.containers("events-service").await {
            wait_until("every replica serves requests", async || {
                installation.sh(&format!("docker logs {container}")).await.contains("Idempotency")
            })
            .await;
        }
    })
    .await;
    let down = under_load(installation, scale_to(installation, 1)).await;
    format!("up {up}; down {down}")
}

async fn replicas_lost(installation: &Installation) -> String {
    scale_to(installation, 3).await;
    installation.wait_until_healthy().await;
    // The gateway finds new replicas within three seconds.
    sleep(Duration::from_secs(4)).await;
    let replicas = installation.containers("events-service").await;
    let killed = under_load(installation, async {
        installation.sh(&format!("docker kill {}", replicas[0])).await;
    })
    .await;
    let hung = under_load(installation, async {
        installation.sh(&format!("docker pause {}", replicas[1])).await;
        sleep(Duration::from_secs(3)).await;
        installation.sh(&format!("docker unpause {}", replicas[1])).await;
    })
    .await;
    // A log line is written within 10 ms, and then takes some more time to pass through the Docker engine.
    sleep(Duration::from_secs(1)).await;
    let log = installation.compose("logs --no-color api-gateway").await;
    let retries = log.lines().filter(|line| line.contains("Retry")).count();
    assert!(retries > 0, "no request was retried");
    scale_to(installation, 1).await;
    format!("killed {killed}; hung {hung}; {retries} lines with Retry")
}

async fn restart(installation: &Installation) -> String {
    let counts = counts(installation).await;
    installation.compose("restart events-service auth-service api-gateway").await;
    installation.wait_until_healthy().await;
    installation.compose("down").await;
    installation.compose("up -d").await;
    let recovery = installation.wait_until_healthy().await;
    assert_eq!(counts, self::counts(installation).await);
    demo_user("user@acme.com").await.get("/auth/me").await.expect(200);
    format!("{counts:?} rows; healthy {:.1} s after `up -d`", recovery.as_secs_f64())
}

/// The number of rows in each table that contains user data.
pub(crate) async fn counts(installation: &Installation) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [r#""Organization""#, r#""User""#, r#""Event""#, r#""EventHistory""#] {
        counts.push(installation.psql(&format!("select count(*) from {table}")).await.parse().unwrap());
    }
    counts
}
