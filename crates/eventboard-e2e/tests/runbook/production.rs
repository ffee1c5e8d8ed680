//! The production file: with generated secrets and a certificate through HTTPS, and not at all without them.

use eventboard_e2e::until;
use serde_json::Value;

use crate::{
    document::{Block, Kind},
    execution,
    installation::Installation,
    report::Report,
};

const COMPOSE: &str = "docker-compose -f docker-compose.prod.yml";
const SERVICES: [&str; 3] = ["auth-service", "events-service", "api-gateway"];
const CURL: &str = "curl -sS --cacert tls/fullchain.pem";

pub(crate) async fn rows(report: &mut Report, on: &Installation) {
    if report.is_whole() {
        on.compose("down -v").await;
    }
    report.row("production: refuses to start without secrets, and with weak ones", refusals(on)).await;
    let blocks: Vec<_> = on.runbook().into_iter().filter(|block| block.kind == Kind::Production).collect();
    let (first_start, later): (Vec<_>, Vec<_>) =
        blocks.into_iter().partition(|block| block.heading == "First start");
    for block in &first_start {
        report.row(&production_name(block), execution::run(on, block)).await;
    }
    report
        .row("production: two healthy replicas of each, nothing published but the proxy", published(on))
        .await;
    report.row("production: HTTP is redirected; TLS 1.2 and 1.3, HSTS", tls(on)).await;
    report.row("production: addresses that a client claims are not believed", forwarded(on)).await;
    report.row("production: file systems are read-only, no capabilities, limits", hardened(on)).await;
    report.row("production: without any gateway the proxy says 503, until one is back", alone(on)).await;
    for block in &later {
        report.row(&production_name(block), run_watched(on, block)).await;
    }
    report.row("production: after the upgrade, the metrics name the commit that runs", revision(on)).await;
}

fn production_name(block: &Block) -> String {
    format!("production: {}", block.name())
}

async fn refusals(on: &Installation) -> String {
    let (password, secret, tls) = ("POSTGRES_PASSWORD=abc", "JWT_SECRET=abc", "TLS_CERTIFICATE_DIR=./tls");
    for (given, missing) in [
        ([password, secret], "TLS_CERTIFICATE_DIR"),
        ([password, tls], "JWT_SECRET"),
        ([secret, tls], "POSTGRES_PASSWORD"),
    ] {
        let said = on.run(&format!("{} {COMPOSE} up -d", given.join(" "))).await.failure();
        assert!(said.contains(missing), "{said}");
    }
    let weak = format!("{password} {secret} {tls} {COMPOSE} run --rm --no-deps auth-service");
    let ending = on.run(&weak).await;
    assert_eq!(ending.code, Some(2), "{}", ending.text);
    assert!(
        ending.text.contains("configuration error") && ending.text.contains("JWT_SECRET"),
        "{}",
        ending.text
    );
    on.sh(&format!("{password} {secret} {tls} {COMPOSE} down")).await;
    String::new()
}

async fn published(on: &Installation) -> String {
    for service in SERVICES {
        let states = on
            .sh(&format!(
                "docker inspect --format '{{{{.State.Health.Status}}}}' $({COMPOSE} ps -q {service})"
            ))
            .await;
        assert_eq!(states, "healthy\nhealthy\n", "{service}");
    }
    let ports = on.sh("docker ps --format '{{.Image}} {{.Ports}}'").await;
    let published: Vec<_> = ports.lines().filter(|line| line.contains("->")).collect();
    assert!(published.len() == 1 && published[0].starts_with("nginx"), "{ports}");
    String::new()
}

async fn tls(on: &Installation) -> String {
    let redirect =
        on.sh("curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' http://localhost/events?x=1").await;
    assert_eq!(redirect, "308 https://localhost/events?x=1");
    let head = on.sh(&format!("{CURL} -i https://localhost/health")).await;
    assert!(head.to_lowercase().contains("strict-transport-security: max-age="), "{head}");
    assert!(head.starts_with("HTTP/2 200"), "{head}");
    // Without trust in the certificate there is no answer.
    on.run("curl -sS https://localhost/health").await.failure();
    let offer = |version| {
        format!("openssl s_client -connect localhost:443 -{version} -cipher DEFAULT@SECLEVEL=0 </dev/null")
    };
    for (version, is_welcome) in [("tls1_1", false), ("tls1_2", true), ("tls1_3", true)] {
        let ending = on.run(&offer(version)).await;
        assert_eq!(ending.code == Some(0), is_welcome, "{version}: {}", ending.text);
    }
    String::new()
}

/// Every gateway counts what an address asked for without a token.
async fn forwarded(on: &Installation) -> String {
    let mut least = u32::MAX;
    for number in 1..=6 {
        let claim =
            format!("-H 'X-Forwarded-For: 203.0.113.{number}' -H 'Forwarded: for=203.0.113.{number}'");
        let head = on.sh(&format!("{CURL} -i {claim} https://localhost/auth/me")).await.to_lowercase();
        let remaining = head.lines().find_map(|line| line.strip_prefix("ratelimit-remaining: ")).unwrap();
        least = least.min(remaining.trim().parse().unwrap());
    }
    assert!(least <= 97, "each claimed address was a client of its own: {least} remain");
    format!("{least} of 100 requests remain after six with as many claimed addresses")
}

async fn alone(on: &Installation) -> String {
    on.sh(&format!("{COMPOSE} stop api-gateway")).await;
    let head = on.sh(&format!("{CURL} -i https://localhost/health")).await;
    assert!(head.starts_with("HTTP/2 503"), "{head}");
    assert!(head.contains("retry-after: 1") && head.contains("application/problem+json"), "{head}");
    on.sh(&format!("{COMPOSE} start api-gateway")).await;
    until("the proxy finds a gateway", async || {
        on.run(&format!("{CURL} -f https://localhost/health")).await.code == Some(0)
    })
    .await;
    String::new()
}

async fn hardened(on: &Installation) -> String {
    for service in SERVICES {
        on.run(&format!("{COMPOSE} exec -T {service} touch /tmp/x")).await.failure();
        let status = on.sh(&format!("{COMPOSE} exec -T {service} cat /proc/1/status")).await;
        assert!(status.contains("CapBnd:\t0000000000000000"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
    let containers = on.sh(&format!("docker inspect $({COMPOSE} ps -q)")).await;
    let containers: Value = serde_json::from_str(&containers).unwrap();
    for container in containers.as_array().unwrap() {
        let limits = &container["HostConfig"];
        assert_eq!(limits["ReadonlyRootfs"], true, "{}", container["Name"]);
        assert!(limits["Memory"].as_u64().unwrap() > 0 && limits["PidsLimit"].as_u64().unwrap() > 0);
    }
    on.sh(&format!("{COMPOSE} exec -T api-gateway ping -c 1 auth-service")).await;
    format!("{} containers", containers.as_array().unwrap().len())
}

async fn revision(on: &Installation) -> String {
    let commit = on.sh("git rev-parse --short HEAD").await;
    for service in SERVICES {
        let metrics = on
            .sh(&format!(
                "docker exec $({COMPOSE} ps -q {service} | head -n 1) eventboard healthcheck --url http://localhost:9464/metrics"
            ))
            .await;
        let named = format!(r#"revision="{}""#, commit.trim());
        assert!(
            metrics.lines().any(|line| line.starts_with("eventboard_build_info{") && line.contains(&named)),
            "{service} is not of {commit}: {metrics}"
        );
    }
    commit.trim().to_owned()
}

/// Runs a block while somebody who has logged in before reads and writes through the proxy, and is never refused.
async fn run_watched(on: &Installation, block: &Block) -> String {
    on.sh(&sign_up()).await;
    let (ended, watched) = tokio::join!(
        async {
            let ended = execution::run(on, block).await;
            on.sh("touch watch-done").await;
            ended
        },
        on.sh(WATCH)
    );
    let statuses: Vec<_> = watched.lines().collect();
    assert!(statuses.iter().all(|status| matches!(*status, "200" | "201")), "{statuses:?}");
    assert!(statuses.len() >= 2, "nobody watched");
    format!("{ended}{} requests meanwhile, 0 failed", statuses.len())
}

/// Somebody new, whose token is in the file `token`.
fn sign_up() -> String {
    let name = uuid::Uuid::now_v7();
    let body = format!(
        r#"{{"email":"{name}@example.org","password":"Password123!","firstName":"A","lastName":"B","organizationName":"{name}"}}"#
    );
    format!(
        "rm -f watch-done
        {CURL} -f https://localhost/auth/signup -H 'Content-Type: application/json' -d '{body}' |
            sed -E 's/.*\"accessToken\":\"([^\"]+)\".*/\\1/' > token"
    )
}

/// Reads and writes until `watch-done` is there; prints each status.
const WATCH: &str = r#"
    request() { curl -sS -o /dev/null -w '%{http_code}\n' --cacert tls/fullchain.pem -H "Authorization: Bearer $(cat token)" "$@"; }
    event='{"title":"Watched","description":"A description that is long enough","startDate":"2027-01-01T09:00:00Z","endDate":"2027-01-01T10:00:00Z"}'
    while :; do
        request 'https://localhost/events?limit=1'
        request https://localhost/events -H 'Content-Type: application/json' -d "$event"
        [ ! -e watch-done ] || break
        sleep 0.2
    done
"#;
