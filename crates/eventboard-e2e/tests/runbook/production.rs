//! Tests that the production stack works with generated secrets and a certificate, and does not start without them.

use eventboard_e2e::wait_until;
use serde_json::Value;

use crate::{
    document::{Block, Kind},
    execution,
    installation::Installation,
    report::Report,
};

const COMPOSE: &str = "docker-compose -f docker-compose.prod.yml";
const SERVICES: [&str; 4] = ["auth-service", "events-service", "notification-service", "api-gateway"];
const CURL: &str = "curl -sS --cacert tls/fullchain.pem";

pub(crate) async fn rows(report: &mut Report, installation: &Installation) {
    if report.is_whole() {
        installation.compose("down -v").await;
    }
    report
        .row("production: refuses to start without secrets, and with weak ones", refusals(installation))
        .await;
    let blocks: Vec<_> =
        installation.runbook().into_iter().filter(|block| block.kind == Kind::Production).collect();
    let (first_start, later): (Vec<_>, Vec<_>) =
        blocks.into_iter().partition(|block| block.heading == "First start");
    for block in &first_start {
        report.row(&production_name(block), execution::run(installation, block)).await;
    }
    report
        .row(
            "production: two healthy replicas of each, nothing published but the proxy",
            published(installation),
        )
        .await;
    report.row("production: the services cannot change the schema", database_roles(installation)).await;
    report.row("production: HTTP is redirected; TLS 1.2 and 1.3, HSTS", tls(installation)).await;
    report
        .row("production: errors of the proxy are problems; others get no CORS headers", errors(installation))
        .await;
    report.row("production: addresses that a client claims are not trusted", forwarded(installation)).await;
    report
        .row("production: file systems are read-only, no capabilities, limits", hardened(installation))
        .await;
    report
        .row(
            "production: without a gateway the proxy responds with 503, until one recovers",
            without_gateways(installation),
        )
        .await;
    for block in &later {
        report.row(&production_name(block), run_watched(installation, block)).await;
    }
    report
        .row("production: after the upgrade, the metrics name the commit that runs", revision(installation))
        .await;
}

fn production_name(block: &Block) -> String {
    format!("production: {}", block.name())
}

async fn refusals(installation: &Installation) -> String {
    let variables = ["POSTGRES_PASSWORD", "DATABASE_PASSWORD", "JWT_SECRET", "TLS_CERTIFICATE_DIR"];
    let without = |missing| {
        let given = variables.iter().filter(|name| **name != missing).map(|name| format!("{name}=./abc"));
        given.collect::<Vec<_>>().join(" ")
    };
    for missing in variables {
        let output = installation.run(&format!("{} {COMPOSE} up -d", without(missing))).await.failure();
        assert!(output.contains(missing), "{output}");
    }
    let all = without("");
    let weak = format!("{all} {COMPOSE} run --rm --no-deps auth-service");
    let result = installation.run(&weak).await;
    assert_eq!(result.code, Some(2), "{}", result.output);
    assert!(
        result.output.contains("configuration error") && result.output.contains("JWT_SECRET"),
        "{}",
        result.output
    );
    installation.sh(&format!("{all} {COMPOSE} down")).await;
    String::new()
}

async fn published(installation: &Installation) -> String {
    for service in SERVICES {
        let states = installation
            .sh(&format!(
                "docker inspect --format '{{{{.State.Health.Status}}}}' $({COMPOSE} ps -q {service})"
            ))
            .await;
        assert_eq!(states, "healthy\nhealthy\n", "{service}");
    }
    let ports = installation.sh("docker ps --format '{{.Image}} {{.Ports}}'").await;
    let published: Vec<_> = ports.lines().filter(|line| line.contains("->")).collect();
    assert!(published.len() == 1 && published[0].starts_with("nginx"), "{ports}");
    String::new()
}

async fn database_roles(installation: &Installation) -> String {
    let psql = |role: &str, statement: &str| {
        format!("{COMPOSE} exec -T postgres psql -U {role} -d eventboard_db -At -c \"{statement}\"")
    };
    let roles = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE '%-service'";
    assert_eq!(installation.sh(&psql("eventboard", roles)).await, "eventboard_app\n");
    let output = installation.run(&psql("eventboard_app", "DROP FUNCTION search_pairs")).await.failure();
    assert!(output.contains("must be owner"), "{output}");
    for service in ["auth-service", "events-service", "notification-service"] {
        let variables = installation.sh(&format!("{COMPOSE} exec -T {service} env")).await;
        assert!(!variables.contains("MIGRATE_DATABASE") && !variables.contains("POSTGRES_"), "{service}");
    }
    String::new()
}

async fn tls(installation: &Installation) -> String {
    let redirect = installation
        .sh("curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' http://localhost/events?x=1")
        .await;
    assert_eq!(redirect, "308 https://localhost/events?x=1");
    let head = installation.sh(&format!("{CURL} -i https://localhost/health")).await;
    assert!(head.to_lowercase().contains("strict-transport-security: max-age="), "{head}");
    assert!(head.starts_with("HTTP/2 200"), "{head}");
    // A client that does not trust the certificate gets no response.
    installation.run("curl -sS https://localhost/health").await.failure();
    let offer = |version| {
        format!("openssl s_client -connect localhost:443 -{version} -cipher DEFAULT@SECLEVEL=0 </dev/null")
    };
    for (version, is_welcome) in [("tls1_1", false), ("tls1_2", true), ("tls1_3", true)] {
        let result = installation.run(&offer(version)).await;
        assert_eq!(result.code == Some(0), is_welcome, "{version}: {}", result.output);
    }
    String::new()
}

/// nginx rejects the method itself.
async fn errors(installation: &Installation) -> String {
    let request = "-X TRACE -H 'X-Correlation-ID: order-66' -H 'Origin: https://app.example.org'";
    let response = installation.sh(&format!("{CURL} -i {request} 'https://localhost/events?x=1'")).await;
    assert!(response.starts_with("HTTP/2 405"), "{response}");
    for expected in [
        "content-type: application/problem+json",
        "x-correlation-id: order-66",
        r#""instance":"/events""#,
        r#""correlationId":"order-66""#,
    ] {
        assert!(response.contains(expected), "{response}");
    }
    assert!(!response.contains("access-control"), "{response}");
    String::new()
}

/// Checks that requests without a token count against the real client address and not against the addresses that
/// the client claims in headers. Each gateway counts separately.
async fn forwarded(installation: &Installation) -> String {
    let mut least = u32::MAX;
    for number in 1..=6 {
        let claim =
            format!("-H 'X-Forwarded-For: 203.0.113.{number}' -H 'Forwarded: for=203.0.113.{number}'");
        let head =
            installation.sh(&format!("{CURL} -i {claim} https://localhost/auth/me")).await.to_lowercase();
        let remaining = head.lines().find_map(|line| line.strip_prefix("ratelimit-remaining: ")).unwrap();
        least = least.min(remaining.trim().parse().unwrap());
    }
    assert!(least <= 97, "each claimed address counts as a client: {least} remain");
    format!("{least} of 100 requests remain after six with as many claimed addresses")
}

async fn without_gateways(installation: &Installation) -> String {
    installation.sh(&format!("{COMPOSE} stop api-gateway")).await;
    let head = installation.sh(&format!("{CURL} -i https://localhost/health")).await;
    assert!(head.starts_with("HTTP/2 503"), "{head}");
    assert!(head.contains("retry-after: 1") && head.contains("application/problem+json"), "{head}");
    installation.sh(&format!("{COMPOSE} start api-gateway")).await;
    wait_until("the proxy finds a gateway", async || {
        installation.run(&format!("{CURL} -f https://localhost/health")).await.code == Some(0)
    })
    .await;
    String::new()
}

async fn hardened(installation: &Installation) -> String {
    for service in SERVICES {
        installation.run(&format!("{COMPOSE} exec -T {service} touch /tmp/x")).await.failure();
        let status = installation.sh(&format!("{COMPOSE} exec -T {service} cat /proc/1/status")).await;
        assert!(status.contains("CapBnd:\t0000000000000000"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
    let containers = installation.sh(&format!("docker inspect $({COMPOSE} ps -q)")).await;
    let containers: Value = serde_json::from_str(&containers).unwrap();
    for container in containers.as_array().unwrap() {
        let limits = &container["HostConfig"];
        assert_eq!(limits["ReadonlyRootfs"], true, "{}", container["Name"]);
        assert!(limits["Memory"].as_u64().unwrap() > 0 && limits["PidsLimit"].as_u64().unwrap() > 0);
    }
    installation.sh(&format!("{COMPOSE} exec -T api-gateway ping -c 1 auth-service")).await;
    format!("{} containers", containers.as_array().unwrap().len())
}

async fn revision(installation: &Installation) -> String {
    let commit = installation.sh("git rev-parse --short HEAD").await;
    for service in SERVICES {
        let metrics = installation
            .sh(&format!(
                "docker exec $({COMPOSE} ps -q {service} | head -n 1) eventboard healthcheck --url http://localhost:9464/metrics"
            ))
            .await;
        let label = format!(r#"revision="{}""#, commit.trim());
        assert!(
            metrics.lines().any(|line| line.starts_with("eventboard_build_info{") && line.contains(&label)),
            "{service} is not of {commit}: {metrics}"
        );
    }
    commit.trim().to_owned()
}

/// Runs a block while a logged-in user reads and writes through the proxy. Every request must succeed.
async fn run_watched(installation: &Installation, block: &Block) -> String {
    installation.sh(&sign_up()).await;
    let (ended, watched) = tokio::join!(
        async {
            let ended = execution::run(installation, block).await;
            installation.sh("touch watch-done").await;
            ended
        },
        installation.sh(WATCH)
    );
    let statuses: Vec<_> = watched.lines().collect();
    assert!(statuses.iter().all(|status| matches!(*status, "200" | "201")), "{statuses:?}");
    assert!(statuses.len() >= 2, "no request was sent");
    format!("{ended}{} requests meanwhile, 0 failed", statuses.len())
}

/// Signs up a user and writes the token into the file `token`.
fn sign_up() -> String {
    let name = uuid::Uuid::now_v7();
    let body = format!(
        r#"{{"email":"{name}@example.org","password":"Seven-blue-kettles-9","firstName":"A","lastName":"B","organizationName":"{name}"}}"#
    );
    format!(
        "rm -f watch-done
        {CURL} -f https://localhost/auth/signup -H 'Content-Type: application/json' -d '{body}' |
            sed -E 's/.*\"accessToken\":\"([^\"]+)\".*/\\1/' > token"
    )
}

/// A script that reads and writes until the file `watch-done` exists, and prints each status.
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
