//! Measures the database alone with `pgbench`.

use std::{fs, path::Path};

use hdrhistogram::Histogram;
use tokio::process::Command;

use crate::{
    bare,
    client::{CONNECTIONS, Sample, Timing, histogram},
    cluster::Database,
    seed::Organization,
    usage::MonitoredProcesses,
};

/// Every tenth transaction is logged with its latency.
const SAMPLING_RATE: &str = "0.1";

/// A script that reads a random event.
pub(crate) fn select(organization: &Organization) -> String {
    let Organization { size, id, admin, .. } = organization;
    let event = organization.event_sql(":n");
    format!(
        "\\set n random(1, {size})\n{};\n",
        with_values(bare::SELECT, &[&event, &quoted(id), "true", &quoted(admin)])
    )
}

/// A script that adds an event whose id increases with time.
pub(crate) fn insert(organization: &Organization) -> String {
    let id = "(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') \
              || right(replace(gen_random_uuid()::text, '-', ''), 20))::uuid";
    let (start, end) = ("timestamptz '2027-10-01 09:00Z'", "timestamptz '2027-10-02 17:00Z'");
    let [title, description, location] = bare::TEXTS.map(|text| format!("'{text}'"));
    let (owner, admin) = (quoted(&organization.id), quoted(&organization.admin));
    let values = [id, &owner, &admin, &title, &description, &location, start, end, "clock_timestamp()"];
    format!("{};\n", with_values(bare::INSERT, &values))
}

fn quoted(id: &uuid::Uuid) -> String {
    format!("'{id}'::uuid")
}

/// The statement with its parameters replaced by values.
fn with_values(statement: &str, values: &[&str]) -> String {
    let statement = statement.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    // Replaces the last parameter first, because $1 is a prefix of $10.
    (1..=values.len()).rev().fold(statement, |text, n| text.replace(&format!("${n}"), values[n - 1]))
}

/// Runs a script with the same number of connections as the client.
pub(crate) async fn drive(
    database: &Database,
    program: &Path,
    script: &str,
    timing: Timing,
    monitored: &MonitoredProcesses,
) -> Sample {
    let folder = tempfile::tempdir_in(&database.folder).unwrap();
    fs::write(folder.path().join("script"), script).unwrap();
    let connections = CONNECTIONS.to_string();
    let mut command = Command::new(program);
    command.current_dir(folder.path()).kill_on_drop(true);
    command.args(["-n", "-M", "prepared", "-j", "2", "-c", &connections, "-f", "script"]);
    command.args(["--log", "--sampling-rate", SAMPLING_RATE, "-T", &timing.measured.as_secs().to_string()]);
    let before = monitored.cpu();
    let output = command.arg(&database.url).output().await.unwrap();
    let after = monitored.cpu();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let figure = |name: &str| {
        let line = stdout.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{stdout}"));
        line.trim_start_matches([':', '=', ' ']).split([' ', '/']).next().unwrap().parse::<f64>().unwrap()
    };
    let stderr = String::from_utf8(output.stderr).unwrap();
    let completed = figure("number of transactions actually processed");
    Sample {
        completed: completed as u64,
        seconds: completed / figure("tps"),
        latencies: latencies(folder.path()),
        cpu: [("postgres", after["postgres"] - before["postgres"])].into(),
        memory: monitored.memory(),
        errors: if output.status.success() { Vec::new() } else { vec![stderr] },
    }
}

/// Reads the latencies from the third column of the log files. Each thread has its own log file.
fn latencies(folder: &Path) -> Histogram<u64> {
    let mut latencies = histogram();
    let logs = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for log in logs.filter(|path| path.to_string_lossy().contains("pgbench_log")) {
        for line in fs::read_to_string(log).unwrap().lines() {
            let microseconds: u64 = line.split(' ').nth(2).unwrap().parse().unwrap();
            latencies.saturating_record(microseconds);
        }
    }
    latencies
}
