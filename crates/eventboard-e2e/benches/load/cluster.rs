//! The PostgreSQL server for a run.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use private_postgres::{Binaries, Cluster, ClusterConfig, find_binaries};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// Typical settings for a server of this size. They prevent a checkpoint during a phase.
const SETTINGS: [(&str, &str); 5] = [
    ("max_connections", "120"),
    ("shared_buffers", "256MB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "1h"),
    ("log_checkpoints", "off"),
];

/// A running server, and a folder that is removed after the run.
pub(crate) struct DatabaseServer {
    folder: TempDir,
    /// The server of the run. It is removed as well. None: the server of the caller.
    cluster: Option<Cluster>,
    url: String,
    pgbench: PathBuf,
}

/// The properties of the server that a run needs.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) pid: u32,
    /// The path of `pgbench` next to the server's binaries, if it is installed.
    pub(crate) pgbench: Option<PathBuf>,
    /// The folder for log files.
    pub(crate) folder: PathBuf,
}

impl DatabaseServer {
    /// Starts a server for the run.
    pub(crate) async fn start() -> Self {
        let (binaries, folder) = (binaries().await, folder());
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let config = ClusterConfig::new(folder.path().join("data"), "postgres", Uuid::new_v4().to_string());
        let cluster =
            Cluster::start(&binaries, &ClusterConfig { durable: true, settings, ..config }).await.unwrap();
        cluster.create_database("eventboard_db").await.unwrap();
        let url = cluster.url("eventboard_db");
        Self { folder, cluster: Some(cluster), url, pgbench: binaries.dir.join("pgbench") }
    }

    /// Uses a database of a server on this machine. The role in the URL must be a superuser.
    pub(crate) async fn existing(url: String) -> Self {
        Self { folder: folder(), cluster: None, url, pgbench: binaries().await.dir.join("pgbench") }
    }

    pub(crate) async fn database(&self) -> Database {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let postmaster: String = sqlx::query_scalar("select pg_read_file('postmaster.pid')")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        Database {
            url: self.url.clone(),
            pid: postmaster.lines().next().unwrap().parse().unwrap(),
            pgbench: Some(self.pgbench.clone()).filter(|program| program.exists()),
            folder: self.folder.path().to_owned(),
        }
    }

    pub(crate) async fn remove(self) {
        if let Some(cluster) = self.cluster {
            cluster.stop().await.unwrap();
        }
        self.folder.close().unwrap();
    }
}

async fn binaries() -> Binaries {
    find_binaries(&std::env::temp_dir().join("eventboard-postgres")).await.unwrap()
}

/// If this process is root, the server runs as another user. That user must be able to enter the folder.
fn folder() -> TempDir {
    let accessible = fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().prefix("eventboard-bench-").permissions(accessible).tempdir().unwrap()
}
