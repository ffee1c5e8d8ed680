//! Tests that a backup can be restored.

use std::collections::BTreeMap;

use eventboard_e2e::load::Load;

use crate::{
    faults::counts,
    installation::{COMPOSE, Installation, demo_user, gateway},
    report::Report,
};

pub(crate) async fn rows(report: &mut Report, installation: &Installation) {
    report.row("a dump under load, restored into an empty volume", dump(installation)).await;
    report.row("a copy of the volume, restored into an empty one", volume(installation)).await;
}

/// The number of rows of each table in a dump, counted in the COPY sections.
fn rows_in(dump: &str) -> BTreeMap<&str, i64> {
    let (mut rows, mut table) = (BTreeMap::new(), None);
    for line in dump.lines() {
        match table {
            None => table = line.strip_prefix("COPY public.").and_then(|rest| rest.split(' ').next()),
            Some(_) if line == r"\." => table = None,
            Some(name) => *rows.entry(name).or_insert(0) += 1,
        }
    }
    rows
}

async fn dump(installation: &Installation) -> String {
    let load = Load::start(vec![gateway()]).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    installation.sh("docker exec eventboard-postgres pg_dump -U eventboard eventboard_db > backup.sql").await;
    let outcome = load.stop().await;
    outcome.tally.assert_failure_share_at_most(0.0);

    installation.compose("down -v").await;
    installation.compose("up -d postgres").await;
    let restore = "until docker exec eventboard-postgres pg_isready -h 127.0.0.1 -U eventboard -d eventboard_db; do sleep 0.2; done
        docker exec -i eventboard-postgres psql -U eventboard eventboard_db -v ON_ERROR_STOP=1 --quiet < backup.sql";
    installation.sh(restore).await;
    let dump = installation.read("backup.sql");
    let expected = rows_in(&dump);
    assert!(expected[r#""Event""#] > 100, "{expected:?}");
    for (table, rows) in &expected {
        assert_eq!(
            installation.psql(&format!("select count(*) from {table}")).await,
            rows.to_string(),
            "{table}"
        );
    }
    installation.compose("up -d").await;
    installation.wait_until_healthy().await;
    let found = demo_user("user@acme.com").await.get("/events/01890000-0000-7000-8000-000000000001").await;
    found.expect(200);
    format!("{expected:?}")
}

async fn volume(installation: &Installation) -> String {
    let before = counts(installation).await;
    installation.compose("stop").await;
    installation
        .sh("docker run --rm -v eventboard_postgres_data:/data -v $(pwd):/backup debian:bookworm-slim \
           tar czf /backup/postgres-backup.tar.gz /data")
        .await;
    installation.sh(&format!("{COMPOSE} down && docker volume rm eventboard_postgres_data")).await;
    installation
        .sh("docker run --rm -v eventboard_postgres_data:/data -v $(pwd):/backup debian:bookworm-slim \
           tar xzf /backup/postgres-backup.tar.gz -C /")
        .await;
    installation.compose("up -d").await;
    installation.wait_until_healthy().await;
    assert_eq!(before, counts(installation).await);
    demo_user("user@acme.com").await.get("/auth/me").await.expect(200);
    format!("{before:?} rows")
}
