//! What breaks, what is then seen, and that it mends itself.

use std::time::{Duration, Instant};

use eventboard_e2e::{database::Lock, load::Load, until};
use tokio::time::sleep;

use crate::{
    installation::{COMPOSE, Installation, demo_user, gateway},
    report::Report,
};

pub(crate) async fn rows(report: &mut Report, on: &Installation) {
    report.row("a slow statement is logged with the request's correlation ID", slow(on)).await;
    report.row("a lock that stays: 408, then all is well again", locked(on)).await;
    report.row("events-service stopped: 503 with Retry-After, then back by itself", stopped(on)).await;
    report.row("the database stopped: waited for, then back by itself", without_database(on)).await;
    report.row("scale to three and back under load", Box::pin(scale(on))).await;
    report
        .row("of three, one is killed and one hangs under load: lines with Retry", Box::pin(lost(on)))
        .await;
    report.row("`restart`, `down` and `up` lose nothing", restart(on)).await;
}

async fn slow(on: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let lock = Lock::on_all_events_over(on.database().await).await;
    let header = ("x-correlation-id", "slow-one-1");
    let pending = tokio::spawn(async move {
        member.with_header(reqwest::Method::GET, "/events", header, &serde_json::Value::Null).await
    });
    sleep(Duration::from_millis(600)).await;
    lock.release().await;
    pending.await.unwrap().expect(200);
    until("the line is there", async || {
        let log = on.run(&format!("{COMPOSE} logs --no-color events-service | grep slow")).await.text;
        log.lines().any(|line| line.contains("slow-one-1"))
    })
    .await;
    String::new()
}

async fn locked(on: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let lock = Lock::on_all_events_over(on.database().await).await;
    let began = Instant::now();
    let answer = member.get("/events/00000000-0000-0000-0000-000000000001").await;
    answer.problem(408);
    let took = began.elapsed();
    lock.release().await;
    member.get("/events/00000000-0000-0000-0000-000000000001").await.expect(200);
    format!("408 after {:.1} s", took.as_secs_f64())
}

async fn stopped(on: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    on.compose("stop events-service").await;
    let answer = member.get("/events").await;
    answer.problem(503);
    assert_eq!(on.status("http://localhost:3000/health").await, "503");
    assert!(on.run("curl -f http://localhost:3000/health").await.failure().contains("503"));
    until("it is logged", async || {
        let log = on.compose("logs --no-color api-gateway").await;
        log.lines().any(|line| line.contains("Ejected") && line.contains("events-service"))
    })
    .await;
    on.compose("start events-service").await;
    let back = on.until_healthy().await;
    member.get("/events").await.expect(200);
    format!("well {:.1} s after `start`", back.as_secs_f64())
}

async fn without_database(on: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    on.compose("stop postgres").await;
    until("the requests are told so", async || member.get("/events").await.status == 503).await;
    until("it is logged", async || {
        on.compose("logs --no-color events-service").await.contains("A dependency is down")
    })
    .await;
    // A replica that starts now waits.
    on.compose("restart auth-service").await;
    on.compose("start postgres").await;
    let back = on.until_healthy().await;
    member.get("/events").await.expect(200);
    format!("well {:.1} s after `start`", back.as_secs_f64())
}

/// What is done while clients write and read; nothing may fail, be lost or doubled.
async fn under_load(on: &Installation, deed: impl Future<Output = ()>) -> String {
    let load = Load::start(vec![gateway()]).await;
    sleep(Duration::from_secs(2)).await;
    deed.await;
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;
    outcome.tally.assert_failed_at_most(0.0);
    outcome.verify(&mut on.database().await).await;
    let (requests, gap) = (outcome.tally.requests(), outcome.tally.longest_gap().as_millis());
    format!("{requests} requests, 0 failed, longest gap {gap} ms")
}

async fn replicas_become(on: &Installation, count: usize) {
    on.compose(&format!("up -d --scale events-service={count}")).await;
    assert_eq!(on.containers("events-service").await.len(), count);
}

async fn scale(on: &Installation) -> String {
    let up = under_load(on, async {
        replicas_become(on, 3).await;
        for container in on.containers("events-service").await {
            until("every replica works", async || {
                on.sh(&format!("docker logs {container}")).await.contains("Idempotency")
            })
            .await;
        }
    })
    .await;
    let down = under_load(on, replicas_become(on, 1)).await;
    format!("up {up}; down {down}")
}

async fn lost(on: &Installation) -> String {
    replicas_become(on, 3).await;
    on.until_healthy().await;
    // The gateway finds the new ones within three seconds.
    sleep(Duration::from_secs(4)).await;
    let replicas = on.containers("events-service").await;
    let killed = under_load(on, async {
        on.sh(&format!("docker kill {}", replicas[0])).await;
    })
    .await;
    let hung = under_load(on, async {
        on.sh(&format!("docker pause {}", replicas[1])).await;
        sleep(Duration::from_secs(3)).await;
        on.sh(&format!("docker unpause {}", replicas[1])).await;
    })
    .await;
    // What is logged is written within 10 ms, and passes through the engine.
    sleep(Duration::from_secs(1)).await;
    let log = on.compose("logs --no-color api-gateway").await;
    let retries = log.lines().filter(|line| line.contains("Retry")).count();
    assert!(retries > 0, "nothing was tried again");
    replicas_become(on, 1).await;
    format!("killed {killed}; hung {hung}; {retries} lines with Retry")
}

async fn restart(on: &Installation) -> String {
    let counts = counts(on).await;
    on.compose("restart events-service auth-service api-gateway").await;
    on.until_healthy().await;
    on.compose("down").await;
    on.compose("up -d").await;
    let back = on.until_healthy().await;
    assert_eq!(counts, self::counts(on).await);
    demo_user("user@acme.com").await.get("/auth/me").await.expect(200);
    format!("{counts:?} rows; well {:.1} s after `up -d`", back.as_secs_f64())
}

/// Rows of what people made.
pub(crate) async fn counts(on: &Installation) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [r#""Organization""#, r#""User""#, r#""Event""#, r#""EventHistory""#] {
        counts.push(on.psql(&format!("select count(*) from {table}")).await.parse().unwrap());
    }
    counts
}
