//! The development stack comes up and shows what the runbook looks at.

use std::time::Instant;

use eventboard_e2e::{draft, until};
use serde_json::{Value, json};

use crate::{
    installation::{COMPOSE, Installation, demo_user},
    report::Report,
};

const IMAGES: [&str; 3] = ["api-gateway", "auth-service", "events-service"];

pub(crate) async fn rows(report: &mut Report, on: &Installation) {
    report.row("the images build; their sizes", images(on)).await;
    report
        .row("images have sh and ping, no tools to build with, and another user than root", contents(on))
        .await;
    report.row("`up -d` from a fresh clone", up(on)).await;
    report.row("`config` and `ps`, which shows health", config_and_ps(on)).await;
    report.row("health on all three ports", health(on)).await;
    report.row("the database is migrated, and knows its clients by name", database(on)).await;
    report.row("ping and sh inside the gateway", inside_the_gateway(on)).await;
    report.row("a correlation ID is in the lines of gateway and service", correlation(on)).await;
    report.row("logs are one JSON object a line; docker cp brings the day's file", logs(on)).await;
    report.row("idempotency: its lines, and list and clear", idempotency(on)).await;
    report.row("migrate and seed by `run --rm`, without doubles", migrate_and_seed(on)).await;
    report.row("configuration errors: one line, exit code 2", configuration_error(on)).await;
    report.row("the listed indexes are there; and serve among 100,000 events", indexes(on)).await;
}

async fn images(on: &Installation) -> String {
    let began = Instant::now();
    on.compose("build").await;
    let seconds = began.elapsed().as_secs();
    let mut sizes = String::new();
    for image in IMAGES {
        let bytes =
            on.sh(&format!("docker image inspect --format '{{{{.Size}}}}' eventboard/{image}:0.1.0")).await;
        sizes += &format!(", {image} {} MB", bytes.trim().parse::<u64>().unwrap() / 1_000_000);
    }
    let base = on.sh("docker image inspect --format '{{.Size}}' debian:bookworm-slim").await;
    format!(
        "built in {seconds} s{sizes}, of which the base {} MB",
        base.trim().parse::<u64>().unwrap() / 1_000_000
    )
}

async fn contents(on: &Installation) -> String {
    for image in IMAGES {
        let look = "id -u; command -v sh ping eventboard; command -v cargo rustc cc gcc make || echo none; \
                    touch /app/logs/x && echo writable; grep Cap /proc/self/status";
        let run = "docker run --rm --read-only --cap-drop ALL --tmpfs /app/logs:uid=10001";
        let seen = on.sh(&format!("{run} eventboard/{image}:0.1.0 sh -c '{look}'")).await;
        assert!(seen.starts_with("10001\n"), "{seen}");
        assert!(seen.contains("none\nwritable\n"), "{seen}");
        let binary = on.sh(&format!("docker run --rm eventboard/{image}:0.1.0 which {image}")).await;
        assert_eq!(binary.trim(), format!("/usr/local/bin/{image}"));
        let labels = on
            .sh(&format!(
                "docker image inspect --format '{{{{json .Config.Labels}}}}' eventboard/{image}:0.1.0"
            ))
            .await;
        let labels: Value = serde_json::from_str(&labels).unwrap();
        assert_eq!(labels["org.opencontainers.image.title"], format!("eventboard-{image}"));
        assert_eq!(labels["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    }
    String::new()
}

async fn up(on: &Installation) -> String {
    let began = Instant::now();
    on.compose("up -d").await;
    on.until_healthy().await;
    let seconds = began.elapsed().as_secs_f64();
    let found = demo_user("user@acme.com").await.get("/events").await.expect(200);
    assert!(found.text.contains("Annual Tech Conference 2026"), "{}", found.text);
    format!("healthy after {seconds:.1} s")
}

async fn config_and_ps(on: &Installation) -> String {
    let config = on.compose("config").await;
    assert!(
        config.contains("postgres://eventboard:eventboard_dev_password@postgres:5432/eventboard_db"),
        "{config}"
    );
    until("all containers are healthy", async || {
        let mut healthy = 0;
        for container in on.compose("ps -q").await.lines() {
            let state =
                on.sh(&format!("docker inspect --format '{{{{.State.Health.Status}}}}' {container}")).await;
            healthy += usize::from(state.trim() == "healthy");
        }
        healthy == 5
    })
    .await;
    let ps = on.compose("ps").await;
    assert_eq!(ps.matches("(healthy)").count(), 5, "{ps}");
    String::new()
}

async fn health(on: &Installation) -> String {
    for (port, service, dependency) in [
        (3000, "api-gateway", "events-service"),
        (3001, "auth-service", "database"),
        (3002, "events-service", "database"),
    ] {
        let body = on.sh(&format!("curl -fsS http://localhost:{port}/health")).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["status"], &body["service"]), (&json!("ok"), &json!(service)));
        assert_eq!(body["checks"][dependency]["status"], "up");
        assert!(body["uptime"].is_u64() && body["version"].is_string(), "{body}");
    }
    on.sh("curl -f http://localhost:3000/health || exit 1").await;
    String::new()
}

async fn database(on: &Installation) -> String {
    let connections = "SELECT count(*) FROM pg_stat_activity;";
    assert!(on.psql(connections).await.parse::<u32>().unwrap() > 2);
    let names = "select string_agg(distinct application_name, ' ') from pg_stat_activity where application_name like '%-service'";
    assert_eq!(on.psql(names).await, "auth-service events-service");
    let locale = "select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database where datname = current_database()";
    assert_eq!(on.psql(locale).await, "C.UTF-8 UTF8");
    on.sh("docker exec eventboard-postgres pg_isready -U eventboard").await;
    let network =
        on.sh("docker volume ls --format '{{.Name}}' && docker network ls --format '{{.Name}}'").await;
    assert!(network.lines().any(|name| name == "eventboard_postgres_data"), "{network}");
    String::new()
}

async fn inside_the_gateway(on: &Installation) -> String {
    for name in ["auth-service", "events-service", "postgres"] {
        on.sh(&format!("docker exec eventboard-api-gateway ping -c 1 {name}")).await;
    }
    on.sh("docker exec eventboard-api-gateway sh -c 'test $(id -u) = 10001'").await;
    String::new()
}

/// Whether a line about this request, and with all these words, is in the log of the service.
async fn is_logged(on: &Installation, service: &str, words: &[&str]) -> bool {
    let log = on.compose(&format!("logs --no-color {service}")).await;
    log.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

async fn correlation(on: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let header = ("x-correlation-id", "follow-me-1");
    member.with_header(reqwest::Method::GET, "/events", header, &Value::Null).await.expect(200);
    until("the lines are there", async || {
        is_logged(on, "api-gateway", &["correlation_id", "follow-me-1"]).await
            && is_logged(on, "events-service", &["correlation_id", "follow-me-1"]).await
    })
    .await;
    String::new()
}

async fn logs(on: &Installation) -> String {
    let mut containers = Vec::new();
    for service in IMAGES {
        containers.extend(on.containers(service).await);
    }
    let lines = on.logged(&containers).await;
    on.sh("rm -rf logs && docker cp eventboard-api-gateway:/app/logs ./logs").await;
    let copied = on.sh("cat logs/*").await;
    for line in copied.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("this is no JSON: {line}"));
        assert_eq!(line["process"], "api-gateway");
    }
    assert!(copied.contains("follow-me-1"));
    on.sh("rm -rf logs").await;
    format!("{} lines of {} containers", lines.len(), containers.len())
}

async fn idempotency(on: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let key = uuid::Uuid::now_v7().to_string();
    let first = member.keyed("/events", &key, &draft("Once and no more")).await.expect(201);
    let second = member.keyed("/events", &key, &draft("Once and no more")).await.expect(201);
    assert!(second.is_replay() && first.text == second.text);
    until("both lines are there", async || {
        is_logged(on, "events-service", &["Idempotency", "new"]).await
            && is_logged(on, "events-service", &["Idempotency", "replayed"]).await
    })
    .await;
    let listed = on.compose("exec -T auth-service eventboard idempotency list --json").await;
    assert!(listed.contains(&key), "{listed}");
    let cleared = on.compose(&format!("exec -T auth-service eventboard idempotency clear --key {key}")).await;
    assert!(cleared.contains("60 seconds"), "{cleared}");
    let listed = on.compose("exec -T auth-service eventboard idempotency list --json").await;
    assert!(!listed.contains(&key), "{listed}");
    member.delete(&format!("/events/{}", first.id())).await.expect(204);
    String::new()
}

async fn migrate_and_seed(on: &Installation) -> String {
    let demo =
        r#"select count(*) from "User" where email like '%@acme.com' or email like '%@techinnovators.com'"#;
    let before = on.psql(demo).await;
    on.compose("run --rm auth-service eventboard migrate").await;
    on.compose("run --rm auth-service eventboard seed").await;
    assert_eq!((before.as_str(), on.psql(demo).await.as_str()), ("4", "4"));
    String::new()
}

async fn configuration_error(on: &Installation) -> String {
    let told = "-e DATABASE_MAX_CONNECTIONS=many -e LOG_FORMAT=xml";
    let ending = on.run(&format!("{COMPOSE} run --rm --no-deps {told} events-service")).await;
    assert_eq!(ending.code, Some(2), "{}", ending.text);
    let said: Vec<_> = ending.text.lines().filter(|line| line.contains("configuration error")).collect();
    assert_eq!(said.len(), 1, "{}", ending.text);
    assert!(said[0].contains("DATABASE_MAX_CONNECTIONS") && said[0].contains("LOG_FORMAT"), "{}", said[0]);
    String::new()
}

async fn indexes(on: &Installation) -> String {
    let names = "select string_agg(indexname, ' ' order by indexname) from pg_indexes where indexname in \
        ('idx_events_organization_id', 'idx_events_created_by_id', 'idx_events_status', 'idx_events_start_date')";
    let expected =
        "idx_events_created_by_id idx_events_organization_id idx_events_start_date idx_events_status";
    assert_eq!(on.psql(names).await, expected);
    // The same as a hundred thousand others, of another organization; they are gone again afterwards.
    on.psql(FILL).await;
    on.psql(r#"analyze "Event""#).await;
    let organization = on.psql(r#"select id from "Organization" where slug = 'acme-corp'"#).await;
    let explain = r#"EXPLAIN ANALYZE SELECT * FROM "Event" WHERE "organizationId" ="#;
    let plan = on.psql(&format!("{explain} '{organization}'")).await;
    assert!(plan.contains("idx_events_") && !plan.contains("Seq Scan on \"Event\""), "{plan}");
    on.psql(r#"delete from "Event" where title like 'Filler %'"#).await;
    let time = plan.lines().find_map(|line| line.strip_prefix("Execution Time: ")).unwrap().to_owned();
    format!("found in {time}")
}

const FILL: &str = r#"
    insert into "Event" (id, title, description, "startDate", "endDate", "organizationId", "createdById",
        "createdAt", "updatedAt")
    select gen_random_uuid(), 'Filler ' || n, 'A description that is long enough', now() + n * interval '1 minute',
        now() + (n + 60) * interval '1 minute', owner."organizationId", owner.id, now(), now()
    from generate_series(1, 100000) n, "User" owner
    where owner.email = 'user@techinnovators.com'
"#;
