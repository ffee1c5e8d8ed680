//! Tests that the development stack starts, and that the checks in the runbook succeed on it.

use std::time::Instant;

use eventboard_e2e::{event_body, wait_until};
use serde_json::{Value, json};

use crate::{
    installation::{COMPOSE, Installation, demo_user},
    report::Report,
};

const IMAGES: [&str; 4] = ["api-gateway", "auth-service", "events-service", "notification-service"];

pub(crate) async fn rows(report: &mut Report, installation: &Installation) {
    report.row("the images build; their sizes", images(installation)).await;
    report
        .row(
            "images have sh and ping, no tools to build with, and another user than root",
            contents(installation),
        )
        .await;
    report.row("`up -d` from a fresh clone", up(installation)).await;
    report.row("`config` and `ps`, which shows health", config_and_ps(installation)).await;
    report.row("health on all four ports", health(installation)).await;
    report
        .row("the database is migrated, and shows each client's application_name", database(installation))
        .await;
    report.row("ping and sh inside the gateway", inside_the_gateway(installation)).await;
    report.row("the lines of gateway and service have the correlation ID", correlation(installation)).await;
    report.row("each log line is one JSON object; docker cp copies the day's file", logs(installation)).await;
    report.row("idempotency: log lines, list and clear", idempotency(installation)).await;
    report.row("migrate and seed by `run --rm`, without duplicates", migrate_and_seed(installation)).await;
    report.row("configuration errors: one line, exit code 2", configuration_error(installation)).await;
    report.row("the listed indexes exist, and are used with 100,000 events", indexes(installation)).await;
}

async fn images(installation: &Installation) -> String {
    let began = Instant::now();
    installation.compose("build").await;
    let seconds = began.elapsed().as_secs();
    let mut sizes = String::new();
    for image in IMAGES {
        let bytes = installation
            .sh(&format!("docker image inspect --format '{{{{.Size}}}}' eventboard/{image}:0.1.0"))
            .await;
        sizes += &format!(", {image} {} MB", bytes.trim().parse::<u64>().unwrap() / 1_000_000);
    }
    let base = installation.sh("docker image inspect --format '{{.Size}}' debian:bookworm-slim").await;
    format!(
        "built in {seconds} s{sizes}, of which the base {} MB",
        base.trim().parse::<u64>().unwrap() / 1_000_000
    )
}

async fn contents(installation: &Installation) -> String {
    for image in IMAGES {
        let look = "id -u; command -v sh ping eventboard; command -v cargo rustc cc gcc make || echo none; \
                    touch /app/logs/x && echo writable; grep Cap /proc/self/status";
        let run = "docker run --rm --read-only --cap-drop ALL --tmpfs /app/logs:uid=10001";
        let seen = installation.sh(&format!("{run} eventboard/{image}:0.1.0 sh -c '{look}'")).await;
        assert!(seen.starts_with("10001\n"), "{seen}");
        assert!(seen.contains("none\nwritable\n"), "{seen}");
        let binary =
            installation.sh(&format!("docker run --rm eventboard/{image}:0.1.0 which {image}")).await;
        assert_eq!(binary.trim(), format!("/usr/local/bin/{image}"));
        let labels = installation
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

async fn up(installation: &Installation) -> String {
    let began = Instant::now();
    installation.compose("up -d").await;
    installation.wait_until_healthy().await;
    let seconds = began.elapsed().as_secs_f64();
    let found = demo_user("user@acme.com").await.get("/events").await.expect(200);
    assert!(found.text.contains("Annual Tech Conference 2026"), "{}", found.text);
    format!("healthy after {seconds:.1} s")
}

async fn config_and_ps(installation: &Installation) -> String {
    let config = installation.compose("config").await;
    assert!(
        config.contains("postgres://eventboard:eventboard_dev_password@postgres:5432/eventboard_db"),
        "{config}"
    );
    wait_until("all containers are healthy", async || {
        let mut healthy = 0;
        for container in installation.compose("ps -q").await.lines() {
            let state = installation
                .sh(&format!("docker inspect --format '{{{{.State.Health.Status}}}}' {container}"))
                .await;
            healthy += usize::from(state.trim() == "healthy");
        }
        healthy == 6
    })
    .await;
    let ps = installation.compose("ps").await;
    assert_eq!(ps.matches("(healthy)").count(), 6, "{ps}");
    String::new()
}

async fn health(installation: &Installation) -> String {
    for (port, service, dependency) in [
        (3000, "api-gateway", "events-service"),
        (3001, "auth-service", "database"),
        (3002, "events-service", "database"),
        (3003, "notification-service", "database"),
    ] {
        let body = installation.sh(&format!("curl -fsS http://localhost:{port}/health")).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["status"], &body["service"]), (&json!("ok"), &json!(service)));
        assert_eq!(body["checks"][dependency]["status"], "up");
        assert!(body["uptime"].is_u64() && body["version"].is_string(), "{body}");
    }
    installation.sh("curl -f http://localhost:3000/health || exit 1").await;
    String::new()
}

async fn database(installation: &Installation) -> String {
    let connections = "SELECT count(*) FROM pg_stat_activity;";
    assert!(installation.psql(connections).await.parse::<u32>().unwrap() > 2);
    let names = "select string_agg(distinct application_name, ' ') from pg_stat_activity where application_name like '%-service'";
    assert_eq!(installation.psql(names).await, "auth-service events-service notification-service");
    let locale = "select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database where datname = current_database()";
    assert_eq!(installation.psql(locale).await, "C.UTF-8 UTF8");
    installation.sh("docker exec eventboard-postgres pg_isready -U eventboard").await;
    let network = installation
        .sh("docker volume ls --format '{{.Name}}' && docker network ls --format '{{.Name}}'")
        .await;
    assert!(network.lines().any(|name| name == "eventboard_postgres_data"), "{network}");
    String::new()
}

async fn inside_the_gateway(installation: &Installation) -> String {
    for name in ["auth-service", "events-service", "postgres"] {
        installation.sh(&format!("docker exec eventboard-api-gateway ping -c 1 {name}")).await;
    }
    installation.sh("docker exec eventboard-api-gateway sh -c 'test $(id -u) = 10001'").await;
    String::new()
}

/// Whether the log of the service has a line that contains all these words.
async fn is_logged(installation: &Installation, service: &str, words: &[&str]) -> bool {
    let log = installation.compose(&format!("logs --no-color {service}")).await;
    log.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

async fn correlation(installation: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let header = ("x-correlation-id", "follow-me-1");
    member.with_header(reqwest::Method::GET, "/events", header, &Value::Null).await.expect(200);
    wait_until("the lines are logged", async || {
        is_logged(installation, "api-gateway", &["correlation_id", "follow-me-1"]).await
            && is_logged(installation, "events-service", &["correlation_id", "follow-me-1"]).await
    })
    .await;
    String::new()
}

async fn logs(installation: &Installation) -> String {
    let mut containers = Vec::new();
    for service in IMAGES {
        containers.extend(installation.containers(service).await);
    }
    let lines = installation.logged(&containers).await;
    installation.sh("rm -rf logs && docker cp eventboard-api-gateway:/app/logs ./logs").await;
    let copied = installation.sh("cat logs/*").await;
    for line in copied.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert_eq!(line["process"], "api-gateway");
    }
    assert!(copied.contains("follow-me-1"));
    installation.sh("rm -rf logs").await;
    format!("{} lines of {} containers", lines.len(), containers.len())
}

async fn idempotency(installation: &Installation) -> String {
    let member = demo_user("user@acme.com").await;
    let key = uuid::Uuid::now_v7().to_string();
    let first = member.post_with_key("/events", &key, &event_body("Once and no more")).await.expect(201);
    let second = member.post_with_key("/events", &key, &event_body("Once and no more")).await.expect(201);
    assert!(second.is_replay() && first.text == second.text);
    wait_until("both lines are logged", async || {
        is_logged(installation, "events-service", &["Idempotency", "new"]).await
            && is_logged(installation, "events-service", &["Idempotency", "replayed"]).await
    })
    .await;
    let listed = installation.compose("exec -T auth-service eventboard idempotency list --json").await;
    assert!(listed.contains(&key), "{listed}");
    let cleared =
        installation.compose(&format!("exec -T auth-service eventboard idempotency clear --key {key}")).await;
    assert!(cleared.contains("60 seconds"), "{cleared}");
    let listed = installation.compose("exec -T auth-service eventboard idempotency list --json").await;
    assert!(!listed.contains(&key), "{listed}");
    member.delete(&format!("/events/{}", first.id())).await.expect(204);
    String::new()
}

async fn migrate_and_seed(installation: &Installation) -> String {
    let demo =
        r#"select count(*) from "User" where email like '%@acme.com' or email like '%@techinnovators.com'"#;
    let before = installation.psql(demo).await;
    installation.compose("run --rm auth-service eventboard migrate").await;
    installation.compose("run --rm auth-service eventboard seed").await;
    assert_eq!((before.as_str(), installation.psql(demo).await.as_str()), ("4", "4"));
    String::new()
}

async fn configuration_error(installation: &Installation) -> String {
    let settings = "-e DATABASE_MAX_CONNECTIONS=many -e LOG_FORMAT=xml";
    let result = installation.run(&format!("{COMPOSE} run --rm --no-deps {settings} events-service")).await;
    assert_eq!(result.code, Some(2), "{}", result.output);
    let errors: Vec<_> = result.output.lines().filter(|line| line.contains("configuration error")).collect();
    assert_eq!(errors.len(), 1, "{}", result.output);
    assert!(
        errors[0].contains("DATABASE_MAX_CONNECTIONS") && errors[0].contains("LOG_FORMAT"),
        "{}",
        errors[0]
    );
    String::new()
}

async fn indexes(installation: &Installation) -> String {
    let names = "select string_agg(indexname, ' ' order by indexname) from pg_indexes where indexname in \
        ('idx_events_organization_id', 'idx_events_created_by_id', 'idx_events_status', 'idx_events_start_date')";
    let expected =
        "idx_events_created_by_id idx_events_organization_id idx_events_start_date idx_events_status";
    assert_eq!(installation.psql(names).await, expected);
    // Adds a hundred thousand events to another organization. They are deleted afterwards.
    installation.psql(FILL).await;
    installation.psql(r#"analyze "Event""#).await;
    let organization = installation.psql(r#"select id from "Organization" where slug = 'acme-corp'"#).await;
    let explain = r#"EXPLAIN ANALYZE SELECT * FROM "Event" WHERE "organizationId" ="#;
    let plan = installation.psql(&format!("{explain} '{organization}'")).await;
    assert!(plan.contains("idx_events_") && !plan.contains("Seq Scan on \"Event\""), "{plan}");
    installation.psql(r#"delete from "Event" where title like 'Filler %'"#).await;
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
