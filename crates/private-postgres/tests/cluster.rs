//! Tests with a real PostgreSQL server: persistence, cleanup and error cases.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use private_postgres::{Binaries, Cluster, ClusterConfig, find_binaries, running_port};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

async fn binaries() -> Binaries {
    find_binaries(&std::env::temp_dir().join("eventboard-postgres-bin")).await.unwrap()
}

/// A temporary folder that the server's account can enter even when the tests run as root.
fn world_readable_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

fn config(folder: &Path) -> ClusterConfig {
    ClusterConfig { durable: false, ..ClusterConfig::new(folder.join("postgres"), "eventboard", "se:cr/et") }
}

async fn start(config: &ClusterConfig) -> Cluster {
    Cluster::start(&binaries().await, config).await.unwrap()
}

async fn start_error(config: &ClusterConfig) -> String {
    match Cluster::start(&binaries().await, config).await {
        Ok(_) => panic!("a cluster started on {}", config.data_dir.display()),
        Err(error) => format!("{error:#}"),
    }
}

async fn query_text(url: &str, query: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap()
}

async fn execute(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
}

fn accepts_connections(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < Duration::from_secs(20), "timed out: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

fn server_pid(data_dir: &Path) -> String {
    fs::read_to_string(data_dir.join("postmaster.pid")).unwrap().lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn data_survives_a_restart() {
    let folder = world_readable_folder();
    let config = ClusterConfig { durable: true, ..config(folder.path()) };

    let cluster = start(&config).await;
    cluster.create_database("eventboard_db").await.unwrap();
    execute(&cluster.url("eventboard_db"), "create table note as select 'kept' as text").await;
    cluster.stop().await.unwrap();

    let cluster = start(&config).await;
    cluster.create_database("eventboard_db").await.unwrap();
    assert_eq!(query_text(&cluster.url("eventboard_db"), "select text from note").await, "kept");
    assert_eq!(query_text(&cluster.url("eventboard_db"), "show fsync").await, "on");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_temporary_cluster_supports_unicode_and_is_removed_when_stopped() {
    let cluster = Cluster::temporary(&binaries().await).await.unwrap();
    let (port, folder) = (cluster.port(), cluster.data_dir().parent().unwrap().to_owned());
    cluster.create_database("odd \"name\"").await.unwrap();

    let url = cluster.url("odd \"name\"");
    assert_eq!(query_text(&url, "select lower('É')").await, "é");
    assert_eq!(
        query_text(&url, "select datcollate::text from pg_database where datname = current_database()").await,
        "C.UTF-8"
    );
    assert_eq!(query_text(&url, "show server_encoding").await, "UTF8");
    assert_eq!(query_text(&url, "show timezone").await, "UTC");
    assert_eq!(query_text(&url, "show max_connections").await, "300");

    cluster.stop().await.unwrap();
    assert!(!folder.exists());
    assert!(!accepts_connections(port));
}

#[tokio::test]
async fn a_dropped_cluster_is_removed() {
    let cluster = Cluster::temporary(&binaries().await).await.unwrap();
    let folder = cluster.data_dir().parent().unwrap().to_owned();
    drop(cluster);
    wait_until("the folder is removed", || !folder.exists());
}

#[tokio::test]
async fn the_same_database_can_be_created_concurrently() {
    let cluster = Cluster::temporary(&binaries().await).await.unwrap();
    let (first, second, third) = tokio::join!(
        cluster.create_database("shared"),
        cluster.create_database("shared"),
        cluster.create_database("shared")
    );
    first.and(second).and(third).unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_rejected() {
    let cluster = Cluster::temporary(&binaries().await).await.unwrap();
    let url = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", cluster.port());
    let error = PgConnection::connect(&url).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("28P01"));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_busy_port_is_replaced_by_a_free_one() {
    let folder = world_readable_folder();
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = busy.local_addr().unwrap().port();
    let config = ClusterConfig { port: Some(taken), ..config(folder.path()) };

    let cluster = start(&config).await;
    assert_ne!(cluster.port(), taken);
    assert_eq!(running_port(&config.data_dir), Some(cluster.port()));
    cluster.stop().await.unwrap();
    assert_eq!(running_port(&config.data_dir), None);

    drop(busy);
    let cluster = start(&config).await;
    assert_eq!(cluster.port(), taken);
    cluster.stop().await.unwrap();
}

/// Tests share a server although each test has its own runtime.
#[test]
fn a_stopped_server_can_be_started_again_on_its_port_from_any_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut cluster = runtime().block_on(async { Cluster::temporary(&binaries().await).await.unwrap() });
    let (port, url) = (cluster.port(), cluster.url("postgres"));
    runtime().block_on(execute(&url, "create table note as select 'kept' as text"));

    for clean in [true, false] {
        runtime().block_on(async {
            let stopped = if clean { cluster.stop_fast().await } else { cluster.stop_immediate().await };
            stopped.unwrap();
            assert!(!accepts_connections(port));
            cluster.start_again().await.unwrap();
            // A second call does nothing, because the server is running.
            cluster.start_again().await.unwrap();
            assert_eq!(query_text(&url, "select text from note").await, "kept");
        });
    }
    runtime().block_on(cluster.stop()).unwrap();
}

#[tokio::test]
async fn a_cluster_starts_after_its_server_was_killed() {
    let folder = world_readable_folder();
    let config = config(folder.path());
    let cluster = start(&config).await;
    execute(&cluster.url("postgres"), "create table note as select 'kept' as text").await;
    kill("-KILL", &server_pid(cluster.data_dir()));
    drop(cluster);
    assert!(config.data_dir.join("postmaster.pid").exists());

    let cluster = start(&config).await;
    assert_eq!(query_text(&cluster.url("postgres"), "select text from note").await, "kept");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_waits_for_a_server_that_is_stopping() {
    let folder = world_readable_folder();
    let config = config(folder.path());
    drop(start(&config).await);
    start(&config).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_data_folder_in_use_is_reported_with_the_process_id() {
    let folder = world_readable_folder();
    let config = config(folder.path());
    let cluster = start(&config).await;
    let error = start_error(&config).await;
    let pid = server_pid(cluster.data_dir());
    assert!(error.contains(&format!("(process {pid}) is already running in")), "{error}");
    assert!(error.contains(&format!("kill -INT {pid}")), "{error}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn data_of_another_major_version_is_reported_with_both_versions() {
    let folder = world_readable_folder();
    let config = config(folder.path());
    fs::create_dir(&config.data_dir).unwrap();
    fs::write(config.data_dir.join("PG_VERSION"), "12\n").unwrap();
    let error = start_error(&config).await;
    assert!(error.contains("was created by PostgreSQL 12"), "{error}");
    assert!(error.contains(&format!("is PostgreSQL {}", binaries().await.version.major)), "{error}");
    assert!(error.contains("EVENTBOARD_PG_BIN"), "{error}");
}

#[tokio::test]
async fn a_changed_password_is_reported() {
    let folder = world_readable_folder();
    start(&config(folder.path())).await.stop().await.unwrap();
    let changed = ClusterConfig { password: "changed".to_owned(), ..config(folder.path()) };
    let error = start_error(&changed).await;
    assert!(error.contains("another superuser or password"), "{error}");
}

#[tokio::test]
async fn a_folder_with_other_files_is_not_changed() {
    let folder = world_readable_folder();
    let config = config(folder.path());
    fs::create_dir(&config.data_dir).unwrap();
    fs::write(config.data_dir.join("thesis.txt"), "years of work").unwrap();
    let error = start_error(&config).await;
    assert!(error.contains("neither empty nor a PostgreSQL data folder"), "{error}");
    assert!(config.data_dir.join("thesis.txt").exists());
}

#[tokio::test]
async fn an_interrupted_initdb_is_cleaned_up_and_repeated() {
    let folder = world_readable_folder();
    let config = config(folder.path());
    let unfinished = folder.path().join("postgres.initdb-x1y2z3");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    let password = folder.path().join("postgres.initdb-a1b2c3");
    fs::write(&password, "secret").unwrap();
    start(&config).await.stop().await.unwrap();
    assert!(!unfinished.exists() && !password.exists());
}

#[tokio::test]
async fn a_failed_start_is_reported_with_the_server_log() {
    let folder = world_readable_folder();
    let settings = vec![("max_connections".to_owned(), "many".to_owned())];
    let error = start_error(&ClusterConfig { settings, ..config(folder.path()) }).await;
    assert!(error.contains("PostgreSQL did not start"), "{error}");
    assert!(error.contains("invalid value for parameter \"max_connections\""), "{error}");
}

/// Simulates a project in root's home folder, which only its owner can enter.
#[tokio::test]
async fn a_cluster_in_a_private_folder_starts() {
    let private = tempfile::tempdir().unwrap();
    fs::set_permissions(private.path(), Permissions::from_mode(0o700)).unwrap();
    let config = config(private.path());
    let cluster = start(&config).await;
    let data_dir = cluster.data_dir().to_owned();
    assert_eq!(data_dir, private_postgres::usable_data_dir(&config.data_dir));
    assert_eq!(running_port(&config.data_dir), Some(cluster.port()));
    cluster.stop().await.unwrap();
    fs::remove_dir_all(&data_dir).unwrap();
    fs::remove_file(data_dir.with_added_extension("lock")).unwrap();
}

#[test]
fn a_killed_process_leaves_no_server_and_no_temporary_folder() {
    let mut owner = Owner::spawn(None);
    let folder = owner.data_dir.parent().unwrap().to_owned();
    assert!(accepts_connections(owner.port));
    owner.kill();
    wait_until("the end of the server", || !accepts_connections(owner.port));
    wait_until("the folder is removed", || !folder.exists());
}

#[tokio::test]
async fn a_killed_process_leaves_a_cleanly_stopped_persistent_cluster() {
    let folder = world_readable_folder();
    let mut owner = Owner::spawn(Some(folder.path()));
    owner.kill();
    // The server is started immediately, while the supervisor may still be stopping the server.
    let cluster = start(&config(folder.path())).await;
    let log = fs::read_to_string(cluster.data_dir().join("server.log")).unwrap();
    assert!(!log.contains("was not properly shut down"), "{log}");
    cluster.stop().await.unwrap();
}

/// Another process that started a server.
struct Owner {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    port: u16,
    data_dir: PathBuf,
}

impl Owner {
    fn spawn(folder: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cluster-owner"));
        command.args(folder);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let line = output.by_ref().lines().map(Result::unwrap).find(|line| line.contains("owns "));
        let line = line.expect("the owner reports its cluster");
        let (port, data_dir) = line.split_once("owns ").unwrap().1.split_once(' ').unwrap();
        Self { process, output, port: port.parse().unwrap(), data_dir: data_dir.into() }
    }

    /// Kills the process, so that it cannot clean up. Then its output must end even if the server is still running,
    /// because no remaining process may keep the output open.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.output.read_to_end(&mut Vec::new()).unwrap();
    }
}
