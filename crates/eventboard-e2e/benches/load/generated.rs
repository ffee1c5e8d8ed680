//! Measures lists and searches in the organizations that `eventboard seed --events` generates.

use std::{path::Path, process::Stdio, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use crate::{
    cases::{get, list_by_cursor, log_in, repeat},
    client::{self, Requests, Timing},
    cluster::Database,
    processes::System,
    report::{Report, Row, Starts},
};

/// The cases: their names, and the queries of their first pages. `{from}` and `{to}` are a window of 30 days.
const CASES: [(&str, &str); 22] = [
    ("start-asc", "sortBy=startDate&sortOrder=asc"),
    ("start-desc", "sortBy=startDate&sortOrder=desc"),
    ("created-asc", "sortBy=createdAt&sortOrder=asc"),
    ("created-desc", "sortBy=createdAt&sortOrder=desc"),
    ("title-asc", "sortBy=title&sortOrder=asc"),
    ("title-desc", "sortBy=title&sortOrder=desc"),
    ("status-asc", "sortBy=status&sortOrder=asc"),
    ("status-desc", "sortBy=status&sortOrder=desc"),
    ("submitted-by-created", "status=SUBMITTED&sortBy=createdAt&sortOrder=asc"),
    ("approved-by-title", "status=APPROVED&sortBy=title"),
    ("window-by-start", "startDateFrom={from}&startDateTo={to}&sortBy=startDate"),
    ("window-by-title", "startDateFrom={from}&startDateTo={to}&sortBy=title"),
    ("search-everyday", "search=everyday"),
    ("search-occasional", "search=occasional"),
    ("search-middling", "search=middling"),
    ("search-seldom", "search=seldom"),
    ("search-nowhere", "search=nowhere"),
    ("search-1-character", "search=e"),
    ("search-2-characters", "search=ar"),
    // Its trigrams are those of `banana`, but no event has it.
    ("search-repetitive", "search=nananananananana"),
    // 会议
    ("search-chinese", "search=%E4%BC%9A%E8%AE%AE"),
    ("page-50", "page=50"),
];

/// The case that requests this page by the cursors of the pages before it.
const CURSOR_CASE: &str = "cursor-100";
const CURSOR_PAGE: usize = 100;

const WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Who sends the requests.
struct Caller {
    name: &'static str,
    /// The number of events in the organization.
    size: u32,
    token: String,
}

/// Performs a run. Returns whether all responses were as expected.
pub(crate) async fn run(timing: Timing, database: &Database) -> bool {
    let system = System::start(database, &[]).await;
    let (gateway, monitored) = (system.gateway.address, system.monitored(database));
    let sizes = sizes(database).await;
    let mut callers = Vec::new();
    for (name, number) in [("admin", 1), ("admin", 2), ("user", 1)] {
        if let Some(size) = sizes.get(number - 1) {
            let token = log_in(gateway, &format!("{name}@generated-{number}.example")).await;
            callers.push(Caller { name, size: *size, token });
        }
    }
    let mut report = Report::new(Starts::default(), &sizes);
    let names = CASES.iter().map(|(name, _)| *name).chain([CURSOR_CASE]);
    for name in names {
        for caller in &callers {
            let requests = |_| requests(name, caller);
            let sample = client::drive(gateway, 200, requests, timing, &monitored).await;
            report.add(Row::new(format!("{} {name}", caller.name), caller.size, &sample), &sample.errors);
        }
    }
    report.finish();
    report.errors == 0
}

/// Builds the `eventboard` command beside the services, with the same profile, and runs it.
pub(crate) async fn generate(database: &Database, events: u32, organizations: u32) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--package", "eventboard"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    succeed(&mut build).await;
    let binary = Path::new(env!("CARGO_BIN_EXE_e2e-auth-service")).with_file_name("eventboard");
    let mut seed = Command::new(binary);
    seed.args(["seed", "--events", &events.to_string(), "--organizations", &organizations.to_string()]);
    // In another folder, the command finds no `.env`.
    seed.env_clear().env("DATABASE_URL", &database.url).current_dir(&database.folder);
    succeed(&mut seed).await;
}

async fn succeed(command: &mut Command) {
    let status = command.stdin(Stdio::null()).kill_on_drop(true).status().await.unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// The numbers of events in the first two organizations.
async fn sizes(database: &Database) -> Vec<u32> {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let sizes: Vec<i64> = sqlx::query_scalar(
        r#"
        select count(*) from "Event" join "Organization" on "Organization".id = "organizationId"
        where slug in ('generated-1', 'generated-2') group by slug order by slug
        "#,
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    sizes.into_iter().map(|size| size.try_into().unwrap()).collect()
}

/// The requests that one connection sends.
fn requests(case: &str, caller: &Caller) -> Requests {
    let Some((_, query)) = CASES.iter().find(|(name, _)| *name == case) else {
        return list_by_cursor(&caller.token, "/events", CURSOR_PAGE);
    };
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let query = query.replace("{from}", &text(Utc::now() - WINDOW)).replace("{to}", &text(Utc::now()));
    repeat(get(&caller.token, &format!("/events?{query}")))
}
